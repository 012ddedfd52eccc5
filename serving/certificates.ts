/**
 * The server's certificate and the local authority that vouches for it. The authority's private key is used once and
 * never written, so that nobody can have anything else signed by it; on renewal there is a new authority.
 */
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { writeFileAtomically } from '../store/artifact-store.ts';

export interface Certificates {
  /** PEM of the authority: what clients trust. */
  ca: string;
  certificate: string;
  /** PEM of the server's private key (PKCS #8). */
  key: string;
  caFile: string;
}

const dayMilliseconds = 24 * 60 * 60 * 1000;
/** The longest life of a server certificate that Apple's clients accept from a private authority. */
const lifeDays = 825;
const renewDaysBefore = 30;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const localNames = ['localhost', '127.0.0.1', '::1'];

/**
 * Reads `ca.pem`, `server.pem` and `server-key.pem` (mode 0600) below `<home>/tls`, or makes them when they are absent,
 * do not belong together, do not name the host or end within 30 days.
 * @param host - the address listened on; named in the certificate besides `localhost`, `127.0.0.1` and `::1`
 */
export async function ensureCertificates(home: string, host: string, now = new Date()): Promise<Certificates> {
  const folder = join(home, 'tls');
  const files = {
    ca: join(folder, 'ca.pem'),
    certificate: join(folder, 'server.pem'),
    key: join(folder, 'server-key.pem'),
  };
  const wildcard = host === '0.0.0.0' || host === '::';
  const names = wildcard || localNames.includes(host) ? localNames : [...localNames, host];
  const found = await readAll(files);
  if (found !== undefined && stillGood(found, names, now)) {
    await chmod(files.key, 0o600);
    return { ...found, caFile: files.ca };
  }
  const made = await makeCertificates(names, now);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileAtomically(files.key, made.key, 0o600);
  await writeFileAtomically(files.certificate, made.certificate);
  await writeFileAtomically(files.ca, made.ca);
  return { ...made, caFile: files.ca };
}

type Pems = Pick<Certificates, 'ca' | 'certificate' | 'key'>;

async function readAll(files: Record<keyof Pems, string>): Promise<Pems | undefined> {
  try {
    const [ca, certificate, key] = await Promise.all(
      [files.ca, files.certificate, files.key].map((file) => readFile(file, 'utf8')),
    );
    return { ca, certificate, key };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function stillGood(pems: Pems, names: readonly string[], now: Date): boolean {
  try {
    const ca = new X509Certificate(pems.ca);
    const server = new X509Certificate(pems.certificate);
    const end = Math.min(Date.parse(ca.validTo), Date.parse(server.validTo));
    return (
      end - now.getTime() > renewDaysBefore * dayMilliseconds &&
      Date.parse(server.validFrom) <= now.getTime() &&
      server.checkPrivateKey(createPrivateKey(pems.key)) &&
      server.checkIssued(ca) &&
      server.verify(ca.publicKey) &&
      names.every((name) => (isIP(name) ? server.checkIP(name) : server.checkHost(name)) !== undefined)
    );
  } catch {
    return false; // not PEM, or half written: made anew
  }
}

async function makeCertificates(names: readonly string[], now: Date): Promise<Pems> {
  // Loaded only where a certificate has to be made: most starts find one.
  await import('./reflect-metadata.ts');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  const { subtle } = webcrypto;
  const authorityKeys = await subtle.generateKey(algorithm, false, ['sign', 'verify']);
  const serverKeys = await subtle.generateKey(algorithm, true, ['sign', 'verify']);
  // A clock a few minutes behind, in a container or another machine, must not refuse a fresh certificate.
  const notBefore = new Date(now.getTime() - 60 * 60 * 1000);
  const notAfter = new Date(now.getTime() + lifeDays * dayMilliseconds);
  const serial = () => `00${randomBytes(16).toString('hex')}`;
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=Tradewind local authority ${randomBytes(4).toString('hex')}, O=Tradewind`,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const server = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: 'CN=Tradewind inference server, O=Tradewind',
    issuer: authority.subject,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    publicKey: serverKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value })),
      ),
      await x509.SubjectKeyIdentifierExtension.create(serverKeys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const pkcs8 = Buffer.from(await subtle.exportKey('pkcs8', serverKeys.privateKey));
  return {
    ca: `${authority.toString('pem')}\n`,
    certificate: `${server.toString('pem')}\n`,
    key: String(
      createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }),
    ),
  };
}
