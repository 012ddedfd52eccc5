/**
 * Which execution providers can be used on this machine, and why not the others. Each is tried, not looked up, in a
 * process of its own with a time limit: this one loads no native code.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { providers, type Execution, type Provider } from '../../contracts/execution.ts';
import { TradewindError } from '../../contracts/errors.ts';
import { providerEnvironment } from './gpu-libraries.ts';

/** Loading CUDA's libraries from a cold disk, or building TensorRT's first engine, takes many seconds. */
const limitMilliseconds = 60_000;
const entry = fileURLToPath(new URL('./probe-process.ts', import.meta.url));

export interface ProviderReport {
  readonly provider: Provider;
  readonly usable: boolean;
  /** Why it is not usable: a phrase, in lower case, without a full stop. */
  readonly reason?: string;
  /** What would change that: a clause in the imperative, without a full stop. Left out where nothing is known to. */
  readonly remedy?: string;
}

interface ProbeOptions {
  env?: NodeJS.ProcessEnv;
  /** Milliseconds after which a provider counts as hung. */
  limit?: number;
}

/** Never throws for what is wrong with the provider: the report says it. */
export async function probeProvider(execution: Execution, options: ProbeOptions = {}): Promise<ProviderReport> {
  const { provider, gpu = 0 } = execution;
  const { env = process.env } = options;
  const run = await runProbe([provider, String(gpu)], { ...env, ...providerEnvironment(provider, env) }, options.limit);
  if (run.answer?.usable) return { provider, usable: true };
  return { provider, usable: false, ...diagnose(execution, run) };
}

/**
 * A report for every provider that onnxruntime-node of this platform lists, `cpu` first.
 * @param options - with the number of the GPU that is to be tried, 0 by default
 * @throws Error when onnxruntime-node itself does not load
 */
export async function probeProviders(options: ProbeOptions & { gpu?: number } = {}): Promise<ProviderReport[]> {
  const { answer, failure, text } = await runProbe(['list'], options.env ?? process.env, options.limit);
  const { listed } = answer ?? {};
  if (listed === undefined) throw new Error(failure ?? lastLine(text));
  return Promise.all(
    providers
      .filter((name) => listed.includes(name))
      .map((provider) => probeProvider({ provider, gpu: options.gpu }, options)),
  );
}

/** The refusal of a provider that cannot be used. */
export function refusal({ provider, reason, remedy }: ProviderReport): TradewindError {
  return new TradewindError('COMPUTE_REFUSED', {
    subject: `The execution provider "${provider}"`,
    rule: 'be at hand',
    value: reason,
    remedy: remedy === undefined ? 'Use "cpu".' : `${remedy}, or use "cpu".`,
  });
}

export interface ProbeRun {
  answer?: { listed?: string[]; usable?: boolean; message?: string };
  /** How the process ended where it gave no answer. */
  failure?: string;
  /** Everything that was said, the driver's complaints included. */
  text: string;
}

function runProbe(args: string[], env: NodeJS.ProcessEnv, limit = limitMilliseconds): Promise<ProbeRun> {
  return new Promise((resolve) => {
    // A driver that hangs in native code answers no SIGTERM.
    const options = { env, timeout: limit, killSignal: 'SIGKILL', maxBuffer: 16 * 2 ** 20 } as const;
    const child = execFile(process.execPath, [entry, ...args], options, (error, stdout, stderr) => {
      const said = lastLine(stdout);
      const answer = said.startsWith('{') ? (JSON.parse(said) as ProbeRun['answer']) : undefined;
      const text = `${answer?.message ?? ''}\n${stderr}`;
      if (answer !== undefined || error === null) return resolve({ answer, text });
      const failure = error.killed
        ? `no answer within ${limit / 1000} s`
        : error.signal
          ? `its process was ended by ${error.signal}, a fault in the driver or in native code`
          : `its process ended with the exit code ${error.code}`;
      return resolve({ failure, text });
    });
    child.stdin?.end();
  });
}

interface Diagnosis {
  reason: string;
  remedy?: string;
}

const install = 'Run "npx tradewind gpu install"';
/** What the driver makes: of Linux, and of Windows' subsystem for it. */
const nvidiaDevices = ['/dev/nvidiactl', '/dev/dxg'];
const cudaErrors: Record<string, Diagnosis> = {
  100: { reason: 'no CUDA device', remedy: 'Make a GPU visible to this process (nvidia-smi, CUDA_VISIBLE_DEVICES)' },
  35: { reason: 'a driver that is too old for CUDA 13', remedy: "Install NVIDIA's driver 580 or newer" },
  802: { reason: 'a GPU that is not ready yet', remedy: "Start NVIDIA's fabric manager" },
  999: { reason: 'a driver in an unknown state', remedy: 'Load its kernel modules again, or reboot' },
};

/** Reads what onnxruntime, the loader and the drivers said. Exported for tests: most of it needs hardware to be said. */
export function diagnose({ provider, gpu = 0 }: Execution, { answer, failure, text }: ProbeRun): Diagnosis {
  const platform = `${process.platform} ${process.arch}`;
  if (/no available backend found/i.test(text)) return { reason: `no part of onnxruntime-node on ${platform}` };
  const missing = /error: (\S+): cannot open shared object file/.exec(text)?.[1].split('/').at(-1);
  if (missing?.startsWith('libonnxruntime_providers')) {
    return nvidiaDevices.some((path) => existsSync(path))
      ? { reason: 'its libraries are not installed', remedy: install }
      : {
          reason: 'no NVIDIA driver, and its libraries are not installed',
          remedy: `With an NVIDIA GPU, install its driver (580 or newer) and ${lowerFirst(install)}`,
        };
  }
  if (missing === 'libcuda.so.1') {
    return { reason: 'no NVIDIA driver (libcuda.so.1 is missing)', remedy: "Install NVIDIA's driver 580 or newer" };
  }
  if (missing !== undefined && /^libnv(infer|onnxparser)/.test(missing)) {
    return { reason: `no TensorRT 10 (${missing} is missing)`, remedy: 'Install TensorRT 10 for CUDA 13 from NVIDIA' };
  }
  if (missing !== undefined) return { reason: `the library ${missing} is missing`, remedy: install };
  const [, library, complaint] = /Failed to load library (\S+) with error: (.*)/.exec(text) ?? [];
  if (library !== undefined) {
    return {
      reason: `${library.split('/').at(-1)} does not load (${complaint.replace(/^\S+: /, '')})`,
      remedy: install,
    };
  }
  const [, number, wording] = /CUDA failure (\d+): ([^;]+?) ;/.exec(text) ?? [];
  if (number === '101') return { reason: `no GPU with the number ${gpu}`, remedy: 'Correct TRADEWIND_GPU_DEVICE' };
  if (number !== undefined) return cudaErrors[number] ?? { reason: `CUDA error ${number}, ${wording}` };
  if (/Couldn't load Vulkan/.test(text)) {
    return { reason: 'no Vulkan loader (libvulkan.so.1)', remedy: "Install Vulkan and the GPU's driver for it" };
  }
  if (/Failed to get a WebGPU adapter/.test(text)) return { reason: 'no GPU with a driver that WebGPU can use' };
  return {
    reason: failure ?? lastLine(answer?.message ?? text).slice(0, 300),
    ...(provider === 'cpu' && { remedy: 'Run "npm ci" again' }),
  };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)!.trim();
}
