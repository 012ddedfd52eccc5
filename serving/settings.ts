/** What the environment says about the inference server. */
import { availableParallelism, homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { TradewindError } from '../contracts/errors.ts';

export interface ServingSettings {
  /** Folder of the key, the certificates and the digest cache. */
  home: string;
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Inference threads per model; each holds the model in memory. */
  threads: number;
  logLevel: string;
  /** How often the champions' aliases are read, in milliseconds. */
  pollMilliseconds: number;
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** @throws TradewindError `USAGE` for a variable that cannot be read */
export function readSettings(env: NodeJS.ProcessEnv): ServingSettings {
  // One core stays free for TLS, HTTP and JSON.
  const spareCores = Math.min(4, Math.max(1, availableParallelism() - 1));
  const logLevel = env['TRADEWIND_LOG_LEVEL'] || 'info';
  if (!logLevels.includes(logLevel)) throw badVariable('TRADEWIND_LOG_LEVEL', `be one of ${logLevels.join(', ')}`, env);
  return {
    home: resolve(env['TRADEWIND_HOME'] || join(homedir(), '.tradewind')),
    host: env['TRADEWIND_API_HOST'] || '127.0.0.1',
    port: integer(env, 'TRADEWIND_API_PORT', 8443, 0, 65_535),
    threads: integer(env, 'TRADEWIND_API_THREADS', spareCores, 1, 64),
    logLevel,
    pollMilliseconds: integer(env, 'TRADEWIND_API_POLL_MILLISECONDS', 500, 50, 60_000),
  };
}

function integer(env: NodeJS.ProcessEnv, name: string, fallback: number, min: number, max: number): number {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw badVariable(name, `be an integer in [${min}, ${max}]`, env);
  }
  return value;
}

function badVariable(name: string, rule: string, env: NodeJS.ProcessEnv): TradewindError {
  return new TradewindError('USAGE', {
    subject: `The environment variable ${name}`,
    rule,
    value: JSON.stringify(env[name]),
    remedy: 'Correct it or remove it, and start the server again.',
  });
}
