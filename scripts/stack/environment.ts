/** Where the stack's parts find each other: one set of environment variables for workers, server and commands. */
import { homePaths } from './home.ts';
import { readCredentials } from './credentials.ts';
import type { StackState } from './state.ts';

/** True when the environment names a Temporal of its own, by address or by a profile of `@temporalio/envconfig`. */
export const hasExternalTemporal = (env: NodeJS.ProcessEnv): boolean =>
  Boolean(env['TEMPORAL_ADDRESS'] || env['TEMPORAL_PROFILE']);

/** True when the environment names an S3 of its own. */
export const hasExternalS3 = (env: NodeJS.ProcessEnv): boolean => Boolean(env['S3_ENDPOINT']);

/** Settings of `@temporalio/envconfig` that would lead a client of the local Temporal astray. */
const temporalSetting = /^TEMPORAL_(PROFILE|CONFIG_FILE|API_KEY|TLS|TLS_.*|GRPC_META_.*|CODEC_.*)$/;
/** Settings of the AWS SDK that would win over, or mix with, the local S3 server's keys. */
const awsSetting = /^AWS_(PROFILE|SESSION_TOKEN|ENDPOINT_URL|ENDPOINT_URL_S3|DEFAULT_REGION)$/;

/**
 * The whole environment of a process that works with this stack: `base` with the stack's variables in place of whatever
 * contradicts them. What the environment itself named (`TEMPORAL_ADDRESS`, `S3_ENDPOINT`) keeps its keys and
 * certificates from `base`.
 * @throws TradewindError `STACK_FAILED` when the local S3 server's keys cannot be read
 */
export function stackEnvironment(state: StackState, base: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const paths = homePaths(state.home);
  const env: NodeJS.ProcessEnv = { ...base };
  if (!state.temporal.external) {
    for (const name of Object.keys(env)) if (temporalSetting.test(name)) delete env[name];
    env['TEMPORAL_CONFIG_FILE'] = paths.temporalProfile;
  }
  if (state.temporal.address) env['TEMPORAL_ADDRESS'] = state.temporal.address;
  env['TEMPORAL_NAMESPACE'] = state.temporal.namespace;
  if (!state.s3.external) {
    for (const name of Object.keys(env)) if (awsSetting.test(name)) delete env[name];
    const { accessKeyId, secretAccessKey } = readCredentials(paths.s3Credentials);
    env['AWS_ACCESS_KEY_ID'] = accessKeyId;
    env['AWS_SECRET_ACCESS_KEY'] = secretAccessKey;
  }
  if (state.s3.endpoint) env['S3_ENDPOINT'] = state.s3.endpoint;
  env['AWS_REGION'] = state.s3.region;
  env['TRADEWIND_BUCKET'] = state.s3.bucket;
  env['TRADEWIND_HOME'] = state.home;
  env['TRADEWIND_API_HOST'] = state.api.host;
  if (state.api.port !== undefined) env['TRADEWIND_API_PORT'] = String(state.api.port);
  if (state.api.url !== undefined) env['TRADEWIND_API_URL'] = state.api.url;
  env['TRADEWIND_API_KEY_FILE'] = paths.apiKey;
  env['TRADEWIND_API_CA_FILE'] = paths.apiCertificateAuthority;
  // Each worker takes its share of the memory.
  env['TRADEWIND_WORKERS'] = String(state.workers.count);
  env['TRADEWIND_WORKER_CORES'] = String(state.workers.cores);
  env['TRADEWIND_EXECUTION_PROVIDER'] = state.workers.provider;
  if (state.workers.gpu !== undefined) env['TRADEWIND_GPU_DEVICE'] = String(state.workers.gpu);
  return env;
}
