import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PeerProcess, PeerUnavailable, ensurePeers } from '../../bench/peers.ts';

const fixture = fileURLToPath(new URL('./fixtures/peer.ts', import.meta.url));

function startPeer(command = process.execPath): PeerProcess {
  const peer = new PeerProcess(command, [fixture]);
  onTestFinished(() => peer.close());
  return peer;
}

async function emptyHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'tradewind-bench-test-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  return home;
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
    const home = await emptyHome();
    const asked = ensurePeers({ home, interpreters: ['/nonexistent/python', process.execPath] });
    await expect(asked).rejects.toThrow(PeerUnavailable);
    await expect(asked).rejects.toThrow(/Python 3\.9 to 3\.11: set TRADEWIND_PYTHON .* not found; /);
  });

  it('leaves a home that the stack accepts as its own', async () => {
    const home = await emptyHome();
    await ensurePeers({ home, interpreters: [] }).catch(() => undefined);
    expect(existsSync(join(home, 'tradewind-home'))).toBe(true);
  });
});
