/** What the servers that are not written by us have in common. */

/** Their environment: nothing of the user's Temporal or AWS settings, which they would read too. */
export function plainEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'USER', 'GOMAXPROCS', 'GOMEMLIMIT', 'SSL_CERT_FILE'];
  return Object.fromEntries(names.filter((name) => env[name] !== undefined).map((name) => [name, env[name]]));
}

export async function answersOk(url: string): Promise<void> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`HTTP ${answer.status} from ${url}`);
}
