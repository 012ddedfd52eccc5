/** Whether ports are free and the servers do what the product relies on. */
import { randomUUID } from 'node:crypto';
import getPort from 'get-port';
import { searchAttributes } from '../../contracts/names.ts';
import { connectTemporal } from '../stack/connection.ts';
import { hasExternalS3, hasExternalTemporal, stackEnvironment } from '../stack/environment.ts';
import { askedPorts, PortChoice, portNames, portSettings } from '../stack/ports.ts';
import type { PortName, StackState } from '../stack/state.ts';
import { fail, ok, skip, warn, type Check } from './check.ts';

const down = 'not checked: the stack is down';

/**
 * @param state - the stack, as last written
 * @param up - whether it is up: then the ports are its own
 */
export async function checkPorts(state: StackState | undefined, up: boolean, env: NodeJS.ProcessEnv): Promise<Check> {
  const name = 'Ports';
  if (up) return ok(name, `${Object.values(state!.ports).join(', ')}: in use by the stack`);
  const external: Record<PortName, boolean> = {
    temporal: hasExternalTemporal(env),
    temporalUi: hasExternalTemporal(env),
    s3: hasExternalS3(env),
    api: false,
  };
  const choice = new PortChoice(askedPorts(env), state?.ports ?? {});
  const wanted = portNames.filter((port) => !external[port] && choice.wanted(port) > 0);
  const free = await Promise.all(
    wanted.map(async (port) => (await getPort({ port: choice.wanted(port) })) === choice.wanted(port)),
  );
  const taken = wanted.filter((_, i) => !free[i]);
  if (taken.length === 0) return ok(name, `${wanted.map((port) => choice.wanted(port)).join(', ') || 'any'}: free`);
  return warn(
    name,
    `taken by another program: ${taken.map((port) => choice.wanted(port)).join(', ')}`,
    `"tradewind up" takes free ones instead, or what ${taken.map((port) => portSettings[port].flag).join(', ')} say.`,
  );
}

export async function checkTemporal(state: StackState | undefined): Promise<Check> {
  const name = 'Temporal';
  if (state === undefined) return skip(name, down);
  try {
    const { connection } = await connectTemporal(state);
    try {
      const { namespace, address } = state.temporal;
      const began = performance.now();
      await connection.workflowService.describeNamespace({ namespace });
      const took = Math.round(performance.now() - began);
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      const missing = Object.keys(searchAttributes).filter((key) => !Object.hasOwn(customAttributes ?? {}, key));
      if (missing.length > 0) {
        return fail(
          name,
          `namespace "${namespace}" lacks search attributes: ${missing.join(', ')}`,
          'Run "tradewind down" and "tradewind up", or add them to the namespace.',
        );
      }
      return ok(name, `${address}, namespace ${namespace}, answers in ${took} ms`);
    } finally {
      await connection.close();
    }
  } catch (error) {
    return fail(name, (error as Error).message, 'See "tradewind status" and its log.');
  }
}

/** The product's claim on an S3: a second conditional write of the same key is refused. */
export async function checkS3(state: StackState | undefined): Promise<Check> {
  const name = 'S3';
  if (state === undefined) return skip(name, down);
  const [
    { DeleteObjectCommand, GetBucketVersioningCommand, PutObjectCommand },
    { ArtifactStore },
    { storeError, httpStatusOf },
  ] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('../../store/artifact-store.ts'),
    import('../../store/store-errors.ts'),
  ]);
  const store = ArtifactStore.fromEnvironment(stackEnvironment(state));
  const Bucket = state.s3.bucket;
  const Key = `doctor/${randomUUID()}`;
  const put = new PutObjectCommand({ Bucket, Key, Body: 'doctor', IfNoneMatch: '*' });
  try {
    const { VersionId } = await store.client.send(put);
    try {
      const second = await store.client.send(put).then(
        () => 200,
        (error: unknown) => httpStatusOf(error),
      );
      if (second !== 412) {
        return fail(
          name,
          `${state.s3.endpoint} answered ${second} to a conditional write that must be refused with 412`,
          'Use an S3 that honours If-None-Match; without it two runs could overwrite each other.',
        );
      }
    } finally {
      await store.client.send(new DeleteObjectCommand({ Bucket, Key, ...(VersionId ? { VersionId } : {}) }));
    }
    const { Status } = await store.client.send(new GetBucketVersioningCommand({ Bucket }));
    const found = `${state.s3.endpoint}, bucket ${Bucket}, writes and conditional writes hold`;
    if (Status !== 'Enabled') return warn(name, `${found}; versioning is off`, 'Switch versioning on for the bucket.');
    return ok(name, found);
  } catch (error) {
    return fail(name, storeError(error, store.place).message, 'See "tradewind status".');
  } finally {
    store.close();
  }
}
