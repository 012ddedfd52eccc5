/** On what graphs can run here: the CPU, and whatever onnxruntime-node of this platform knows besides. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Provider } from '../../contracts/execution.ts';
import { projectRoot } from '../stack/home.ts';
import { nodeRuntime } from '../stack/node-service.ts';
import { fail, ok, skip, type Check } from './check.ts';

const run = promisify(execFile);

const titles: Record<Provider, string> = {
  cpu: 'CPU',
  cuda: 'CUDA',
  tensorrt: 'TensorRT',
  webgpu: 'WebGPU',
  coreml: 'CoreML',
  dml: 'DirectML',
};

interface Report {
  provider: Provider;
  usable: boolean;
  reason?: string;
  remedy?: string;
}

/**
 * A line for each provider. One that cannot be used is a fault only where it is the one that workers are to compute on.
 * Asked in a process of its own, as rooms do not import each other.
 */
export async function checkProviders(env: NodeJS.ProcessEnv): Promise<Check[]> {
  const probe = pathToFileURL(join(projectRoot, 'compute', 'onnx', 'probe.ts')).href;
  const code = `const { probeProviders } = await import(${JSON.stringify(probe)});
    process.stdout.write('\\n' + JSON.stringify(await probeProviders({ gpu: ${Number(env['TRADEWIND_GPU_DEVICE']) || 0} })));`;
  try {
    const { stdout } = await run(nodeRuntime(), ['--input-type=module', '-e', code], { env, timeout: 150_000 });
    const reports = JSON.parse(stdout.slice(stdout.lastIndexOf('\n') + 1)) as Report[];
    return reports.map((report) => providerCheck(report, env['TRADEWIND_EXECUTION_PROVIDER'] || 'cpu'));
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const line = /^\w*Error.*$/m.exec(stderr)?.[0] ?? message.split('\n')[0];
    return [fail(titles.cpu, `onnxruntime does not load: ${line}`, 'Run "npm ci" again.')];
  }
}

/** @param wanted - what workers are to compute on */
export function providerCheck({ provider, usable, reason, remedy }: Report, wanted: string): Check {
  const name = titles[provider];
  const workers = provider === wanted && provider !== 'cpu' ? ', and what workers compute on' : '';
  if (usable) return ok(name, `graphs run on it${workers}`);
  const found = `not usable: ${reason}`;
  // Without the CPU nothing runs, as it also takes the nodes that another provider cannot.
  if (provider === 'cpu' || provider === wanted)
    return fail(name, found, `${remedy ?? 'Set TRADEWIND_EXECUTION_PROVIDER=cpu'}.`);
  return skip(name, remedy === undefined ? found : `${found}. ${remedy}.`);
}
