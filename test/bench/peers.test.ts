import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PeerProcess, PeerUnavailable, ensurePeers, environments } from '../../bench/peers.ts';

const fixture = fileURLToPath(new URL('./fixtures/peer.ts', import.meta.url));

function startPeer(command = process.execPath): PeerProcess {
  const peer = new PeerProcess(command, [fixture]);
  onTestFinished(() => peer.close());
  return peer;
}

/** A stand-in for Python 3.11 that writes down what it is asked for, and puts itself into environments. */
async function scriptedPython(folder: string): Promise<string> {
  const path = join(folder, 'python');
  const script = `#!/bin/sh
if [ "$1" = -c ]; then echo 3 11; exit; fi
echo "$*" >> '${folder}/calls'
if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; fi
`;
  await writeFile(path, script, { mode: 0o755 });
  return path;
}

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-bench-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

describe('PeerProcess', () => {
  it('answers calls in their order, also when they are made at once', async () => {
    const peer = startPeer();
    const answers = await Promise.all([1, 2, 3].map((n) => peer.call('echo', { n })));
    expect(answers).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('passes on why a call failed, and goes on', async () => {
    const peer = startPeer();
    const refused = peer.call('refuse');
    await expect(refused).rejects.toThrow(PeerUnavailable);
    await expect(refused).rejects.toThrow('ValueError: K must be positive');
    await expect(peer.call('mumble')).rejects.toThrow(/not JSON: Warning: deprecated/);
    expect(await peer.call('echo', { still: 'here' })).toEqual({ still: 'here' });
  });

  it('says what a peer said last before it ended, in this call and the next', async () => {
    const peer = startPeer();
    await expect(peer.call('die')).rejects.toThrow('The peer ended with code 3: MemoryError: 12 GiB');
    await expect(peer.call('echo')).rejects.toThrow(PeerUnavailable);
  });

  it('fails where the program is not there', async () => {
    const peer = startPeer('/nonexistent/python');
    await expect(peer.call('echo')).rejects.toThrow(/could not be started/);
    await expect(peer.call('echo')).rejects.toThrow(PeerUnavailable);
  });
});

describe('ensurePeers', () => {
  it('names what it looked for and how to help where no Python fits', async () => {
    const home = await emptyFolder();
    const asked = ensurePeers(environments.implicit, { home, interpreters: ['/nonexistent/python', process.execPath] });
    await expect(asked).rejects.toThrow(PeerUnavailable);
    await expect(asked).rejects.toThrow(/Python 3\.9 to 3\.11: set TRADEWIND_PYTHON .* not found; /);
  });

  it('leaves a home that the stack accepts as its own', async () => {
    const home = await emptyFolder();
    await ensurePeers(environments.implicit, { home, interpreters: [] }).catch(() => undefined);
    expect(existsSync(join(home, 'tradewind-home'))).toBe(true);
  });

  it('asks for a Python that has wheels of the peers in question', async () => {
    const home = await emptyFolder();
    const asked = ensurePeers(environments.pytorch, { home, interpreters: [] });
    await expect(asked).rejects.toThrow(/Python 3\.11 to 3\.15/);
  });

  it('installs exactly what the file of an environment names, into a folder of its own', async () => {
    const home = await emptyFolder();
    const elsewhere = await emptyFolder();
    const interpreter = await scriptedPython(elsewhere);
    for (const environment of [environments.implicit, environments.pytorch]) {
      const said: string[] = [];
      const python = await ensurePeers(environment, {
        home,
        interpreters: [interpreter],
        say: (line) => said.push(line),
      });
      expect(python).toBe(join(home, environment.folder, 'bin', 'python'));
      expect(said).toEqual([expect.stringContaining(`bench/${environment.requirements}`)]);
    }
    const calls = (await readFile(join(elsewhere, 'calls'), 'utf8')).trimEnd().split('\n');
    expect(calls).toEqual([
      expect.stringMatching(/^-m venv .*\/bench-venv$/),
      expect.stringMatching(/pip install .*--no-deps -r .*\/bench\/requirements\.txt$/),
      expect.stringMatching(/^-m venv .*\/bench-venv-pytorch$/),
      expect.stringMatching(/pip install .*--no-deps -r .*\/bench\/requirements-pytorch\.txt$/),
    ]);

    await ensurePeers(environments.implicit, { home, interpreters: [] });
    await ensurePeers(environments.pytorch, { home, interpreters: [] });
  });

  it.each(Object.values(environments))('names every package of $requirements with its version', async (environment) => {
    const file = await readFile(new URL(`../../bench/${environment.requirements}`, import.meta.url), 'utf8');
    const lines = file.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    for (const line of lines) expect(line).toMatch(/^[\w.-]+==[\d.]+(; .+)?$/);
  });
});
