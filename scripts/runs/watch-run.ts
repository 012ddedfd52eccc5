/** Shows a run to its end and prints what came of it: behind `run --wait`, `watch` and the demo. */
import type { Client } from '@temporalio/client';
import type { LifecycleResult } from '../../contracts/lifecycle.ts';
import type { TableLifecycleResult } from '../../contracts/table-lifecycle.ts';
import { isErrorCode } from '../../contracts/errors.ts';
import { exampleUser } from '../api-client.ts';
import type { StackState } from '../stack/connection.ts';
import { stackEnvironment } from '../stack/connection.ts';
import { printJson, style } from '../terminal.ts';
import { resultLines, StageLines } from './draw.ts';
import { follow, type Watcher } from './follow.ts';

export interface WatchRun {
  client: Client;
  state: StackState;
  workflowId: string;
  url?: string | undefined;
  json: boolean;
}

/** @returns the result, or `undefined` when the run failed (the exit code is set) or the user left. */
export async function watchRun({
  client,
  state,
  workflowId,
  url,
  json,
}: WatchRun): Promise<LifecycleResult | TableLifecycleResult | undefined> {
  const leave = new AbortController();
  const onInterrupt = () => leave.abort();
  process.once('SIGINT', onInterrupt);
  const lines = new StageLines();
  const silent: Watcher = { progress: () => undefined, fault: () => undefined, silent: () => undefined };
  const ending = await follow(client, workflowId, json ? silent : lines, leave.signal);
  lines.end();
  process.off('SIGINT', onInterrupt);

  if ('stopped' in ending) {
    console.error(`\nThe run goes on. See it with: tradewind watch ${workflowId}`);
    process.exitCode = 130;
    return undefined;
  }
  if ('failure' in ending) {
    const { code, message } = ending.failure;
    process.exitCode = 1;
    if (json) printJson({ workflowId, url, error: { code, message } });
    else console.error(`\n${style.red('failed')} ${message}${isErrorCode(code) ? ` [${code}]` : ''}`);
    return undefined;
  }
  const { result } = ending;
  if (json) {
    printJson({ workflowId, url, ...result });
  } else {
    const curl =
      !('task' in result) && (result.outcome.kind === 'deployed' || result.outcome.kind === 'unchanged')
        ? await curlLine(state, result)
        : undefined;
    console.log(`\n${resultLines(result, { ...(url ? { workflowUrl: url } : {}), ...(curl ? { curl } : {}) })}`);
  }
  return result;
}

/** A line that works when it is pasted: the certificate is named, the key is read from its file. */
async function curlLine(state: StackState, result: LifecycleResult): Promise<string | undefined> {
  const env = stackEnvironment(state);
  const { TRADEWIND_API_URL: api, TRADEWIND_API_CA_FILE: ca, TRADEWIND_API_KEY_FILE: key } = env;
  if (!api || !ca || !key) return undefined;
  const user = await exampleUser(env, result.model).catch(() => undefined);
  return [
    `curl --cacert ${quote(ca)} \\`,
    `  -H "authorization: Bearer $(cat ${quote(key)})" \\`,
    `  "${api}/v1/recommendations/${encodeURIComponent(user ?? '1')}?model=${result.model}&k=5"`,
  ].join('\n');
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
