/** What a worker's compute processes compute on: found out once, before the worker takes any work. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { providerEnvironment } from '../compute/onnx/gpu-libraries.ts';
import { probeProvider, refusal } from '../compute/onnx/probe.ts';
import type { Execution } from '../contracts/execution.ts';

const run = promisify(execFile);

export interface PreparedExecution {
  execution: Execution;
  /** What compute processes need in their environment when they start. */
  environment: Record<string, string>;
  /** Model and CUDA architecture of the GPU and how it rounds, as far as that can be found out: last bits depend on it. */
  hardware?: string;
}

/** @throws TradewindError `COMPUTE_REFUSED`, with the reason and the remedy, when the provider is not at hand */
export async function prepareExecution(
  execution: Execution,
  env: NodeJS.ProcessEnv = process.env,
): Promise<PreparedExecution> {
  const { provider, gpu = 0 } = execution;
  // Loaded with the first task; a process for finding that out would delay every start.
  if (provider === 'cpu') return { execution, environment: {} };
  const report = await probeProvider(execution, { env });
  if (!report.usable) throw refusal(report);
  const environment = providerEnvironment(provider, env);
  if (provider !== 'cuda' && provider !== 'tensorrt') return { execution, environment };
  const model = await nvidiaModel(gpu, env);
  const rounding = environment['NVIDIA_TF32_OVERRIDE'] === '0' ? [] : ['TF32'];
  const hardware = [...(model === undefined ? [] : [model]), ...rounding].join(', ');
  return { execution, environment, ...(hardware === '' ? {} : { hardware }) };
}

/** E.g. `NVIDIA H100 80GB HBM3, 9.0`; `undefined` where `nvidia-smi` does not tell. onnxruntime does not. */
export async function nvidiaModel(gpu: number, env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  // Of those that are visible, while nvidia-smi counts them all.
  const visible = env['CUDA_VISIBLE_DEVICES']?.split(',').map((id) => id.trim());
  const id = visible === undefined ? String(gpu) : visible[gpu];
  const query = ['--query-gpu=name,compute_cap', '--format=csv,noheader', `--id=${id}`];
  try {
    const { stdout } = await run('nvidia-smi', query, { env, timeout: 10_000 });
    return stdout.trim().split('\n')[0] || undefined;
  } catch {
    return undefined;
  }
}
