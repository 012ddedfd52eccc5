/** A worker's settings, all from the environment; "tradewind up" sets them. */
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { defaultMemory } from '../compute/pool/memory.ts';
import { TradewindError } from '../contracts/errors.ts';
import { numberedGpus, providers, type Execution } from '../contracts/execution.ts';
import { taskQueues } from '../contracts/names.ts';
import type { InferenceServerAccess } from '../activities/dependencies.ts';

const queueNames = Object.keys(taskQueues) as (keyof typeof taskQueues)[];

const units = { '': 0, k: 1, m: 2, g: 3, t: 4 } as const;
/** Less, and a process that has loaded its libraries is already above it. */
const leastMemory = 256 * 2 ** 20;

/** `12GiB` or `12Gi`, `12GB`, or plain bytes, which is how Kubernetes tells a container its own limit. */
export function parseSize(text: string): number | undefined {
  const [, number, prefix = '', binary] = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b)?\s*$/i.exec(text) ?? [];
  if (number === undefined) return undefined;
  const power = units[prefix.toLowerCase() as keyof typeof units];
  return Math.floor(Number(number) * (binary ? 1024 : 1000) ** power);
}

const gpuRule = 'be the number of a GPU, an integer in [0, 255]';

const schema = z.object({
  TRADEWIND_WORKER_CORES: z.coerce.number().int().min(1).max(1024).optional(),
  TRADEWIND_WORKER_MEMORY: z
    .string()
    .transform(parseSize)
    .refine((bytes) => bytes !== undefined && bytes >= leastMemory, 'be a size of at least 256MiB, such as 12GiB')
    .optional(),
  /** Of the stack on this machine, which share its memory. */
  TRADEWIND_WORKERS: z.coerce.number().int().min(1).catch(1).default(1),
  TRADEWIND_EXECUTION_PROVIDER: z.preprocess(
    (text) => text || undefined,
    z.enum(providers, `be one of ${providers.join(', ')}`).default('cpu'),
  ),
  TRADEWIND_GPU_DEVICE: z.preprocess(
    (text) => text || undefined,
    z.coerce.number(gpuRule).int(gpuRule).min(0, gpuRule).max(255, gpuRule).optional(),
  ),
  TRADEWIND_WORKER_QUEUES: z
    .string()
    .transform((text) => text.split(',').map((name) => name.trim()))
    .pipe(z.array(z.enum(queueNames as [keyof typeof taskQueues, ...(keyof typeof taskQueues)[]])))
    .default(['orchestration', 'cpu']),
  TRADEWIND_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  TRADEWIND_API_URL: z.url().optional(),
  TRADEWIND_API_KEY_FILE: z.string().optional(),
  TRADEWIND_API_CA_FILE: z.string().optional(),
});

export interface WorkerSettings {
  /** Threads for compute, all tasks together. */
  cores: number;
  /** Bytes for compute, all tasks together. */
  memoryBytes: number;
  execution: Execution;
  queues: (keyof typeof taskQueues)[];
  logLevel: string;
  server?: InferenceServerAccess;
}

export function workerSettings(env: NodeJS.ProcessEnv = process.env): WorkerSettings {
  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const name = String(issue.path[0]);
    throw new TradewindError('USAGE', {
      subject: `The environment variable ${name}`,
      rule: issue.message,
      value: JSON.stringify(env[name]),
      remedy: `Correct it; ${name === 'TRADEWIND_WORKER_QUEUES' ? `queues are ${queueNames.join(', ')}` : 'see docs/settings.md'}.`,
    });
  }
  const { TRADEWIND_API_URL: url, TRADEWIND_API_KEY_FILE: apiKeyFile, TRADEWIND_API_CA_FILE: caFile } = parsed.data;
  return {
    cores: parsed.data.TRADEWIND_WORKER_CORES ?? availableParallelism(),
    memoryBytes: parsed.data.TRADEWIND_WORKER_MEMORY ?? Math.floor(defaultMemory() / parsed.data.TRADEWIND_WORKERS),
    execution: executionOf(parsed.data.TRADEWIND_EXECUTION_PROVIDER, parsed.data.TRADEWIND_GPU_DEVICE),
    queues: parsed.data.TRADEWIND_WORKER_QUEUES,
    logLevel: parsed.data.TRADEWIND_LOG_LEVEL,
    ...(url && apiKeyFile && caFile ? { server: { url, apiKeyFile, caFile } } : {}),
  };
}

function executionOf(provider: Execution['provider'], gpu: number | undefined): Execution {
  if (numberedGpus.includes(provider)) return { provider, gpu: gpu ?? 0 };
  if (gpu === undefined || gpu === 0) return { provider };
  throw new TradewindError('USAGE', {
    subject: 'The environment variable TRADEWIND_GPU_DEVICE',
    rule: `be 0 with the execution provider "${provider}", which takes no number`,
    value: String(gpu),
    remedy: 'Leave it out; with "webgpu" the GPU\'s driver chooses.',
  });
}
