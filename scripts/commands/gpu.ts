/** `tradewind gpu`: the libraries that onnxruntime needs for NVIDIA's GPUs, which its npm package does not have. */
import type { Command } from 'commander';
import { TradewindError } from '../../contracts/errors.ts';
import { checkProviders } from '../doctor/compute.ts';
import type { Check } from '../doctor/check.ts';
import { installLibraries, planInstall, removeLibraries, requirePlatform } from '../gpu/libraries.ts';
import { spellSize, unpackedBytes, type GpuPackage } from '../gpu/packages.ts';
import { InstallProgress } from '../gpu/progress.ts';
import { addExamples } from '../help.ts';
import { Interrupted } from '../interruption.ts';
import { printJson, style, table } from '../terminal.ts';

const providers = ['cuda', 'tensorrt'] as const;

interface InstallOptions {
  provider: string;
  dryRun?: boolean;
  json?: boolean;
}

export function register(program: Command): void {
  const group = program
    .command('gpu')
    .summary("Install the libraries for NVIDIA's GPUs")
    .description("Install or remove the libraries that NVIDIA's GPUs need. docs/gpu.md tells more.")
    .action(() => group.outputHelp());
  addExamples(group, [
    ['tradewind gpu install', 'fetch them, and say whether CUDA can be used now'],
    ['tradewind gpu remove', 'delete them'],
  ]);
  const install = group
    .command('install')
    .summary("Fetch the libraries for NVIDIA's GPUs")
    .description(
      "Fetch onnxruntime's CUDA provider and NVIDIA's runtime libraries from PyPI, with the pip of your Python, into a " +
        'folder of your cache. What is there already is not fetched again. The libraries come under the terms of NVIDIA, ' +
        'which lie beside them.\n\n' +
        'TensorRT itself is not on PyPI: install TensorRT 10 for CUDA 13 from NVIDIA.',
    )
    .option('--provider <name>', `what to say in the end whether it can be used: ${providers.join(' or ')}`, 'cuda')
    .option('--dry-run', 'say what would be fetched, and how much it is')
    .option('--json', 'print one JSON object')
    .action(runInstall);
  addExamples(install, [
    ['tradewind gpu install --dry-run', 'packages, versions and sizes'],
    ['tradewind gpu install', 'fetch them, and say whether CUDA can be used now'],
    ['TRADEWIND_CACHE=/opt/tradewind tradewind gpu install', 'into another folder, e.g. of a container image'],
  ]);
  const remove = group
    .command('remove')
    .summary('Delete these libraries')
    .description('Delete the libraries that "gpu install" fetched, of all versions.')
    .option('--json', 'print one JSON object')
    .action(runRemove);
  addExamples(remove, [['tradewind gpu remove', 'workers that compute on a GPU do so until they end']]);
}

async function runInstall(options: InstallOptions): Promise<void> {
  const provider = providers.find((name) => name === options.provider);
  if (provider === undefined) {
    throw new TradewindError('USAGE', {
      subject: '--provider',
      rule: `be ${providers.join(' or ')}`,
      value: `"${options.provider}"`,
      remedy: 'Everything else needs nothing to be installed; see "tradewind doctor".',
    });
  }
  requirePlatform();
  const { folder, present, missing } = planInstall();
  const bytes = { download: sum(missing, (one) => one.bytes), unpacked: sum(missing, unpackedBytes) };
  if (options.dryRun) {
    const spell = (packages: readonly GpuPackage[]) => packages.map(({ name, version }) => `${name} ${version}`);
    if (options.json) printJson({ folder, present: spell(present), missing: spell(missing), bytes });
    else console.log(`${planTable(present, missing)}\n\n${summary(bytes, missing.length, folder)}`);
    return;
  }
  const progress = options.json ? undefined : new InstallProgress(missing);
  const sayStopped = () => progress?.say('Stopped. What is complete is kept; run it again to go on from there.');
  const fetched = await interruptible(sayStopped, async (signal) => {
    try {
      if (missing.length > 0) progress?.say(summary(bytes, missing.length, folder));
      return await installLibraries({ signal, report: (wanted, step) => progress?.show(wanted, step) });
    } finally {
      progress?.end();
    }
  });
  const checks = (await checkProviders({ ...process.env, TRADEWIND_EXECUTION_PROVIDER: provider })).filter(
    ({ name }) => (provider === 'cuda' ? name === 'CUDA' : name === 'CUDA' || name === 'TensorRT'),
  );
  if (options.json) printJson({ folder, fetched: fetched.map(({ name, version }) => ({ name, version })), checks });
  else report(folder, fetched.length, checks, provider);
}

function report(folder: string, fetched: number, checks: readonly Check[], provider: string): void {
  console.log(
    `${fetched === 0 ? 'All libraries are there already' : style.bold('All libraries are there')}: ${folder}`,
  );
  for (const { name, verdict, found, remedy } of checks) {
    console.log(
      `${name}: ${verdict === 'ok' ? style.green('usable') : `${found.replace(/\.$/, '')}.`}${remedy === undefined ? '' : ` ${remedy}`}`,
    );
  }
  if (checks.every(({ verdict }) => verdict === 'ok')) {
    console.log(`${style.dim('Next:')} TRADEWIND_EXECUTION_PROVIDER=${provider} tradewind up`);
  }
}

function runRemove(options: { json?: boolean }): void {
  const { folder } = planInstall();
  const freed = removeLibraries();
  if (options.json) printJson({ folder, freed });
  else console.log(freed === 0 ? `Nothing to remove in ${folder}.` : `Removed ${folder}, ${spellSize(freed)}.`);
}

/** Ends the work at Ctrl-C, after it has cleaned up. */
async function interruptible<T>(onStop: () => void, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interruption = new AbortController();
  const interrupt = () => {
    if (!interruption.signal.aborted) onStop();
    interruption.abort(new Interrupted('interrupted'));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, interrupt);
  try {
    return await work(interruption.signal);
  } finally {
    for (const name of signals) process.off(name, interrupt);
  }
}

function planTable(present: readonly GpuPackage[], missing: readonly GpuPackage[]): string {
  return table(
    [
      { title: 'package' },
      { title: 'version' },
      { title: 'download', align: 'right' },
      { title: 'on disk', align: 'right' },
      { title: '' },
    ],
    [...missing, ...present].map((one) => [
      one.name,
      one.version,
      spellSize(one.bytes),
      spellSize(unpackedBytes(one)),
      present.includes(one) ? style.dim('there already') : '',
    ]),
  );
}

function summary(bytes: { download: number; unpacked: number }, count: number, folder: string): string {
  if (count === 0) return `Nothing to fetch: all of it is in ${folder}.`;
  return `${spellSize(bytes.download)} to download from PyPI, ${spellSize(bytes.unpacked)} in ${folder}.`;
}

function sum(packages: readonly GpuPackage[], of: (one: GpuPackage) => number): number {
  return packages.reduce((total, one) => total + of(one), 0);
}
