/** The life of a local stack: brings its parts up in order, watches them, and stops them in the opposite order. */
import { rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { TradewindError } from '../../contracts/errors.ts';
import { providers } from '../../contracts/execution.ts';
import { hasExternalS3, hasExternalTemporal } from './environment.ts';
import { openHome, pidFile } from './home.ts';
import { takeLock } from './lock.ts';
import { LogTail } from './logs.ts';
import { apiService, requireEntries, standardEntries, workerService, type Entries } from './node-service.ts';
import { reapOrphans } from './orphans.ts';
import { askedPorts, PortChoice } from './ports.ts';
import { recordOf } from './processes.ts';
import { s3Service } from './s3.ts';
import { readState, supervisorExit, writeState, type StackFailure, type StackState } from './state.ts';
import { SupervisedService } from './supervised.ts';
import { temporalService } from './temporal.ts';

const checkInterval = 2_000;
const checksBetweenRotations = 15;

interface SuperviseOptions {
  home: string;
  env: NodeJS.ProcessEnv;
  /** The programs of worker and inference server; by default the project's own. */
  entries?: Entries;
}

/**
 * Runs until it is told to stop by SIGTERM, SIGINT or SIGHUP, until the stack cannot be brought up, or until its home
 * is deleted or taken over.
 * @returns the exit code
 */
export async function supervise({ home, env, entries = standardEntries }: SuperviseOptions): Promise<number> {
  const paths = openHome(home);
  const lock = takeLock(paths.lock);
  if (lock === undefined) return supervisorExit.anotherOneRuns;
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => stop.abort(new Stopped(name)));
  // A defect of ours must not leave servers behind that nobody watches.
  process.on('uncaughtException', (error) => stop.abort(error));
  try {
    const previous = readState(home);
    const orphans = await reapOrphans(previous);
    if (orphans > 0) log(`ended ${orphans} processes that a killed supervisor had left`);
    const state = initialState(home, env);
    writeFileSync(pidFile(home, 'supervisor'), `${process.pid}\n`);
    return await new Stack(state, previous, env, entries, stop).run();
  } finally {
    rmSync(pidFile(home, 'supervisor'), { force: true });
    lock.release();
  }
}

class Stopped extends Error {}

class Stack {
  readonly #state: StackState;
  readonly #previous: StackState | undefined;
  readonly #env: NodeJS.ProcessEnv;
  readonly #entries: Entries;
  readonly #stop: AbortController;
  #services: SupervisedService[] = [];
  #homeLost = false;

  constructor(
    state: StackState,
    previous: StackState | undefined,
    env: NodeJS.ProcessEnv,
    entries: Entries,
    stop: AbortController,
  ) {
    this.#state = state;
    this.#previous = previous;
    this.#env = env;
    this.#entries = entries;
    this.#stop = stop;
  }

  async run(): Promise<number> {
    const state = this.#state;
    this.#save();
    try {
      await this.#compose();
      await this.#start();
      state.phase = 'up';
      this.#save();
      log('the stack is up');
      await this.#watch();
    } catch (error) {
      if (!(this.#stop.signal.reason instanceof Stopped)) {
        state.failure = failureOf(error);
        log(`failed: ${(error as Error).stack}`);
      }
    }
    await this.#end();
    return state.failure === undefined ? supervisorExit.stopped : supervisorExit.failed;
  }

  async #compose(): Promise<void> {
    const state = this.#state;
    const env = this.#env;
    requireEntries(this.#entries);
    const ports = new PortChoice(askedPorts(env), this.#previous?.ports ?? {});
    state.takenPorts = ports.taken;
    // Workers are told this port as well as the server itself: it is settled before any of them starts.
    state.ports.api = state.api.port = await ports.choose('api');
    state.api.url = `https://localhost:${state.api.port}`;
    const services = [temporalService(state, ports, env), s3Service(state, ports, env)];
    for (let index = 1; index <= state.workers.count; index++) {
      services.push(workerService(state, this.#entries.worker, index, env));
    }
    services.push(apiService(state, this.#entries.api, env));
    this.#services = services.map(
      (service) =>
        new SupervisedService(service, {
          home: state.home,
          log,
          changed: () => this.#save(),
          available: (name) => this.#services.some((other) => other.service.name === name && other.available),
        }),
    );
    state.services = this.#services.map((supervised) => supervised.state);
    this.#save();
  }

  /** All at once, each as soon as what it needs is healthy. The first failure stops the others. */
  async #start(): Promise<void> {
    const { signal } = this.#stop;
    const started = new Map<string, Promise<void>>();
    for (const supervised of this.#services) {
      const needed = supervised.service.needs.map((name) => started.get(name)!);
      const start = async () => {
        await Promise.all(needed);
        await supervised.start(signal);
      };
      const promise = start();
      promise.catch((error: unknown) => this.#stop.abort(error));
      started.set(supervised.service.name, promise);
    }
    await Promise.allSettled(started.values());
    signal.throwIfAborted();
  }

  async #watch(): Promise<never> {
    const { signal } = this.#stop;
    for (let round = 1; ; round++) {
      await sleep(checkInterval, undefined, { signal });
      if (readState(this.#state.home)?.supervisor.pid !== process.pid) {
        this.#homeLost = true;
        log('the home was deleted or taken over: stopping');
        this.#stop.abort(new Stopped('home'));
      }
      signal.throwIfAborted();
      await Promise.all(this.#services.map((service) => service.examine()));
      if (round % checksBetweenRotations === 0) for (const service of this.#services) service.rotateLog();
    }
  }

  /** Who uses comes before who is used: inference server, workers, Temporal, S3. */
  async #end(): Promise<void> {
    const state = this.#state;
    state.phase = 'stopping';
    this.#save();
    const named = (test: RegExp) => this.#services.filter(({ service }) => test.test(service.name));
    for (const group of [/^api$/, /^worker-/, /^temporal$/, /^s3$/]) {
      await Promise.all(named(group).map((service) => service.stop()));
    }
    state.phase = state.failure === undefined ? 'down' : 'failed';
    this.#save();
    log(`the stack is ${state.phase}`);
  }

  #save(): void {
    if (this.#homeLost) return;
    try {
      writeState(this.#state);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      // Somebody deleted the folder: the next round of checks sees it and ends the stack.
    }
  }
}

/**
 * What the environment asks for, before anything is started.
 * @throws TradewindError `USAGE`
 */
export function initialState(home: string, env: NodeJS.ProcessEnv): StackState {
  askedPorts(env);
  const count = positive(env, 'TRADEWIND_WORKERS') ?? 1;
  const cores = positive(env, 'TRADEWIND_WORKER_CORES') ?? Math.max(1, Math.floor(availableParallelism() / count));
  return {
    format: 'tradewind-stack/1',
    home,
    phase: 'starting',
    supervisor: recordOf(process.pid),
    startedAt: new Date().toISOString(),
    ports: {},
    takenPorts: {},
    temporal: {
      external: hasExternalTemporal(env),
      ...(env['TEMPORAL_ADDRESS'] ? { address: env['TEMPORAL_ADDRESS'] } : {}),
      namespace: env['TEMPORAL_NAMESPACE'] || 'default',
    },
    s3: {
      external: hasExternalS3(env),
      ...(env['S3_ENDPOINT'] ? { endpoint: env['S3_ENDPOINT'] } : {}),
      region: env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || 'us-east-1',
      bucket: env['TRADEWIND_BUCKET'] || 'tradewind',
    },
    api: { host: env['TRADEWIND_API_HOST'] || '127.0.0.1' },
    workers: { count, cores, ...askedExecution(env) },
    services: [],
  };
}

/** Whether it is at hand, the workers find out. */
function askedExecution(env: NodeJS.ProcessEnv): Pick<StackState['workers'], 'provider' | 'gpu'> {
  const name = 'TRADEWIND_EXECUTION_PROVIDER';
  const asked = env[name] || 'cpu';
  const provider = providers.find((known) => known === asked);
  if (provider === undefined) {
    throw new TradewindError('USAGE', {
      subject: name,
      rule: `be one of ${providers.join(', ')}`,
      value: `"${asked}"`,
      remedy: '"tradewind doctor" says which of them can be used here.',
    });
  }
  const gpu = env['TRADEWIND_GPU_DEVICE'];
  if (gpu === undefined || gpu === '') return { provider };
  if (/^\d{1,3}$/.test(gpu)) return { provider, gpu: Number(gpu) };
  throw new TradewindError('USAGE', {
    subject: 'TRADEWIND_GPU_DEVICE',
    rule: 'be the number of a GPU, from 0',
    value: `"${gpu}"`,
    remedy: 'Correct the variable; nvidia-smi lists them.',
  });
}

function positive(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const value = env[name];
  if (value === undefined || value === '') return undefined;
  if (/^[1-9]\d{0,2}$/.test(value)) return Number(value);
  throw new TradewindError('USAGE', {
    subject: name,
    rule: 'be an integer in [1, 999]',
    value: `"${value}"`,
    remedy: 'Correct the variable or the flag.',
  });
}

function failureOf(error: unknown): StackFailure {
  if (error instanceof TradewindError) {
    const { cause } = error;
    const log = cause instanceof LogTail ? { log: { file: cause.file, lines: cause.lines } } : {};
    return { code: error.code, complaint: error.complaint, ...log };
  }
  return {
    code: 'INTERNAL',
    complaint: {
      subject: "The stack's supervisor",
      rule: 'go on',
      value: (error as Error).message,
      remedy: 'This is a defect of Tradewind: please report it with logs/supervisor.log.',
    },
  };
}

function log(line: string): void {
  console.log(`${new Date().toISOString()} ${line}`);
}
