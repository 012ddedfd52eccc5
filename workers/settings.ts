/** A worker's settings, all from the environment; "tradewind up" sets them. */
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { TradewindError } from '../contracts/errors.ts';
import { taskQueues } from '../contracts/names.ts';
import type { InferenceServerAccess } from '../activities/dependencies.ts';

const queueNames = Object.keys(taskQueues) as (keyof typeof taskQueues)[];

const schema = z.object({
  TRADEWIND_WORKER_CORES: z.coerce.number().int().min(1).max(1024).optional(),
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
    queues: parsed.data.TRADEWIND_WORKER_QUEUES,
    logLevel: parsed.data.TRADEWIND_LOG_LEVEL,
    ...(url && apiKeyFile && caFile ? { server: { url, apiKeyFile, caFile } } : {}),
  };
}
