import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { Agent } from 'undici';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ensureCertificates } from '../../serving/certificates.ts';

const day = 24 * 60 * 60 * 1000;
let home = '';
beforeEach(async () => void (home = await mkdtemp(join(tmpdir(), 'tradewind-tls-'))));
afterEach(() => rm(home, { recursive: true }));

describe('ensureCertificates', () => {
  test('a client that trusts ca.pem reaches the server as localhost and as 127.0.0.1, and no other client does', async () => {
    const { ca, certificate, key } = await ensureCertificates(home, '127.0.0.1');
    const server = createServer({ cert: certificate, key }, (_request, response) => response.end('here'));
    await new Promise<void>((resolve) => server.listen(0, resolve));
    const { port } = server.address() as AddressInfo;
    try {
      for (const name of ['localhost', '127.0.0.1']) {
        const trusting = new Agent({ connect: { ca } });
        const { body } = await request(`https://${name}:${port}/`, { dispatcher: trusting });
        expect(await body.text()).toBe('here');
        await trusting.destroy();
      }
      await expect(request(`https://localhost:${port}/`)).rejects.toThrow(/certificate/);
    } finally {
      server.close();
    }
  });

  test('keeps the private key to its owner and writes no other key', async () => {
    const { key } = await ensureCertificates(home, '127.0.0.1');
    const folder = join(home, 'tls');
    expect((await readdir(folder)).sort()).toEqual(['ca.pem', 'server-key.pem', 'server.pem']);
    expect((await stat(join(folder, 'server-key.pem'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(folder, 'ca.pem'), 'utf8')).not.toContain('PRIVATE');
    expect(await readFile(join(folder, 'server-key.pem'), 'utf8')).toBe(key);
  });

  test('uses what is there until it is about to end', async () => {
    const now = new Date();
    const first = await ensureCertificates(home, '127.0.0.1', now);
    const inTime = new Date(now.getTime() + (825 - 32) * day);
    expect((await ensureCertificates(home, '127.0.0.1', inTime)).certificate).toBe(first.certificate);
    const late = new Date(now.getTime() + (825 - 29) * day);
    const renewed = await ensureCertificates(home, '127.0.0.1', late);
    expect(renewed.certificate).not.toBe(first.certificate);
    expect(await readFile(join(home, 'tls', 'ca.pem'), 'utf8')).toBe(renewed.ca);
  });

  test('makes them anew when the key is another one, a file is broken, or the host is not named', async () => {
    const first = await ensureCertificates(home, '127.0.0.1');
    const other = await mkdtemp(join(tmpdir(), 'tradewind-tls-'));
    const { key } = await ensureCertificates(other, '127.0.0.1');
    await rm(other, { recursive: true });
    await writeFile(join(home, 'tls', 'server-key.pem'), key);
    const second = await ensureCertificates(home, '127.0.0.1');
    expect(second.certificate).not.toBe(first.certificate);
    await writeFile(join(home, 'tls', 'ca.pem'), 'half a fi');
    const third = await ensureCertificates(home, '127.0.0.1');
    expect(third.ca).toContain('BEGIN CERTIFICATE');
    const elsewhere = await ensureCertificates(home, '192.0.2.7');
    expect(elsewhere.certificate).not.toBe(third.certificate);
    expect((await ensureCertificates(home, '127.0.0.1')).certificate).toBe(elsewhere.certificate);
  });
});
