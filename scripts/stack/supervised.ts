/** One part of the stack under watch: started, waited for, restarted when it dies, stopped. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TradewindError, type ErrorCode } from '../../contracts/errors.ts';
import { logFile, pidFile, projectRoot } from './home.ts';
import { LogTail, rotateLog, startLog, tailOf } from './logs.ts';
import { recordOf, signal as signalProcess } from './processes.ts';
import type { ChannelMessage, Launch, Service } from './service.ts';
import type { ServiceCondition, ServiceState } from './state.ts';

/** Milliseconds before each restart in a row: the first at once, as a killed worker's tasks wait for it. */
const backoff = [100, 500, 1_000, 2_000, 5_000, 10_000, 30_000];
/** A death this long after it became healthy counts as the first again. */
const forgetDeathsAfter = 30_000;
/** The first start is tried twice: a port may be lost between choosing and binding it. */
const startAttempts = 2;
/** Checks in a row that must fail: one may be late on a machine that computes on all cores. */
const failuresUntilUnhealthy = 3;
/** A process that lives but has been unhealthy for this long is killed, and so restarted. */
const standardHungAfter = 60_000;
/** Trying again cannot help with these. */
const final: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'STORE_DENIED',
  'STORE_BUCKET',
  'PREREQUISITE_MISSING',
  'COMPUTE_REFUSED',
]);

interface Surroundings {
  home: string;
  /** Called on every change of `state`, which is to be on disk when it returns. */
  changed: () => void;
  log: (line: string) => void;
  /** Whether a service that this one needs has a process to talk to. */
  available: (name: string) => boolean;
  /** Milliseconds that a process may be unhealthy before it is killed; a minute if left out. */
  hungAfter?: number;
}

interface Run {
  child: ChildProcess;
  /** Whether it may be asked for its health: a process with a channel says when. */
  ready: boolean;
  /** How it ended, once it has. */
  end?: string;
  ended: Promise<void>;
  /** When it last said that it is ready, or answered a ping. */
  heardAt: number;
  failure?: TradewindError;
  /** Size of the log when it started. */
  logOffset: number;
}

export class SupervisedService {
  readonly service: Service;
  readonly state: ServiceState;
  readonly #around: Surroundings;
  readonly #log: string;
  readonly #stopping = new AbortController();
  #run: Run | undefined;
  #started = false;
  #failures = 0;
  #deaths = 0;
  #healthyAt = 0;

  constructor(service: Service, around: Surroundings) {
    this.service = service;
    this.#around = around;
    this.#log = logFile(around.home, service.name);
    this.state = {
      name: service.name,
      title: service.title,
      kind: service.managed ? 'process' : 'external',
      condition: 'waiting',
      since: new Date().toISOString(),
      restarts: 0,
      ...(service.managed ? { log: this.#log } : {}),
    };
  }

  /** True while there is something to talk to, even if it is slow to answer. */
  get available(): boolean {
    return this.state.condition === 'healthy' || this.state.condition === 'unhealthy';
  }

  /**
   * Brings it up for the first time.
   * @throws TradewindError with its log's end as the cause; whatever runs then is left to `stop`
   */
  async start(signal: AbortSignal): Promise<void> {
    const began = performance.now();
    const { service } = this;
    this.#set('preparing');
    await service.prepare?.((note) => this.#building(note), signal);
    if (service.managed) startLog(this.#log);
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      await service.place?.();
      this.#set('starting');
      try {
        await this.#launchAndWait(signal);
        await this.#settle();
        break;
      } catch (error) {
        if (signal.aborted || attempt === startAttempts || !service.managed || isFinal(error)) throw error;
        this.#around.log(`${service.name}: ${(error as Error).message} Trying again.`);
        await this.#kill();
      }
    }
    this.state.startMilliseconds = Math.round(performance.now() - began);
    this.#started = true;
    this.#becomeHealthy();
    // It may have died while its settings were put in order.
    if (this.#run?.end !== undefined) void this.#restart();
  }

  /** One health check. Restarts what hangs; what has died is restarted by itself. */
  async examine(): Promise<void> {
    if (!this.available) return;
    const run = this.#run;
    const outcome = await this.#check(run).then(
      () => undefined,
      (error: unknown) => reasonOf(error),
    );
    if (run !== this.#run || run?.end !== undefined || !this.available) return;
    if (outcome === undefined) {
      this.#failures = 0;
      if (this.state.condition === 'unhealthy') this.#becomeHealthy();
      return;
    }
    if (++this.#failures < failuresUntilUnhealthy) return;
    if (this.state.condition !== 'unhealthy') this.#around.log(`${this.service.name} is unhealthy: ${outcome}`);
    this.#set('unhealthy', outcome);
    const { hungAfter = standardHungAfter } = this.#around;
    if (run !== undefined && Date.now() - Date.parse(this.state.since) > hungAfter) {
      this.#around.log(`${this.service.name} has been unhealthy for ${hungAfter / 1000} s: killed`);
      signalProcess(-run.child.pid!, 'SIGKILL');
    }
  }

  async #check(run: Run | undefined): Promise<void> {
    const { silenceLimit } = this.service;
    await this.service.check?.();
    if (silenceLimit === undefined || run === undefined) return;
    // One that cannot be sent is one that is not answered.
    run.child.send({ type: 'ping' }, () => undefined);
    const silence = Date.now() - run.heardAt;
    if (silence > silenceLimit) throw new Error(`silent for ${Math.round(silence / 1000)} s`);
  }

  rotateLog(): void {
    if (this.service.managed) rotateLog(this.#log);
  }

  /** SIGTERM, its grace, then SIGKILL to whatever is left of its process group. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const run = this.#run;
    if (run !== undefined && run.end === undefined) {
      this.#set('stopping');
      signalProcess(run.child.pid!, 'SIGTERM');
      await Promise.race([run.ended, sleep(this.service.stopTimeout, undefined, { ref: false })]);
      if (run.end === undefined) this.#around.log(`${this.service.name} did not stop in time: killed`);
      await this.#kill();
    }
    await this.service.release?.();
    this.#set('stopped');
  }

  async #kill(): Promise<void> {
    const run = this.#run;
    if (run === undefined || run.end !== undefined) return;
    signalProcess(-run.child.pid!, 'SIGKILL');
    await run.ended;
  }

  async #restart(): Promise<void> {
    const stopping = this.#stopping.signal;
    if (Date.now() - this.#healthyAt > forgetDeathsAfter) this.#deaths = 0;
    while (!stopping.aborted) {
      const delay = backoff[Math.min(this.#deaths++, backoff.length - 1)];
      const end = this.#run?.end ?? 'no process';
      this.#around.log(`${this.service.name} is gone (${end}); starting it again in ${delay} ms`);
      this.#set('restarting', end);
      await sleep(delay, undefined, { signal: stopping }).catch(() => undefined);
      while (!stopping.aborted && !this.service.needs.every((name) => this.#around.available(name))) await sleep(50);
      if (stopping.aborted) return;
      try {
        await this.#launchAndWait(stopping);
        this.state.restarts++;
        this.#becomeHealthy();
        return;
      } catch (error) {
        if (stopping.aborted) return;
        this.#around.log(`${this.service.name}: ${reasonOf(error)}`);
        await this.#kill();
      }
    }
  }

  async #launchAndWait(signal: AbortSignal): Promise<void> {
    const { service } = this;
    const launch = service.launch?.();
    const run = launch === undefined ? undefined : this.#launch(launch);
    // Never settles for a server that is not ours.
    const ended = run?.ended ?? new Promise<void>(() => undefined);
    let last = '';
    for (const end = Date.now() + service.startTimeout; ; await Promise.race([ended, sleep(40)])) {
      signal.throwIfAborted();
      if (run?.failure !== undefined) throw run.failure;
      if (run?.end !== undefined) throw this.#failed(run.end, run);
      if (run === undefined || run.ready) {
        try {
          await Promise.race([service.check?.(), ended]);
          if (run?.end === undefined) return;
        } catch (error) {
          if (isFinal(error)) throw error;
          last = reasonOf(error);
        }
      }
      if (Date.now() > end) {
        const seconds = `no health after ${service.startTimeout / 1000} s`;
        throw this.#failed(last === '' ? seconds : `${seconds} (${last})`, run);
      }
    }
  }

  #launch({ command, args, env, channel }: Launch): Run {
    const { name } = this.service;
    const output = openSync(this.#log, 'a');
    const child = spawn(command, args, {
      env,
      cwd: projectRoot,
      // A process group of its own: Ctrl-C in the terminal does not reach it, and its children end with it.
      detached: true,
      // It writes to the file itself, so that it does not depend on the supervisor's life.
      stdio: channel ? ['ignore', output, output, 'ipc'] : ['ignore', output, output],
    });
    closeSync(output);
    const ended = Promise.withResolvers<void>();
    const logOffset = statSync(this.#log).size;
    const run: Run = { child, ready: !channel, ended: ended.promise, heardAt: Date.now(), logOffset };
    const finish = (end: string) => {
      if (run.end !== undefined) return;
      run.end = end;
      // Compute processes of a killed worker would go on for nobody.
      if (child.pid !== undefined) signalProcess(-child.pid, 'SIGKILL');
      rmSync(pidFile(this.#around.home, name), { force: true });
      delete this.state.process;
      ended.resolve();
      if (this.#started && !this.#stopping.signal.aborted && this.available) void this.#restart();
    };
    child.once('exit', (code, signal) => finish(signal === null ? `exit code ${code}` : `ended by ${signal}`));
    child.on('error', (error) => (child.pid === undefined ? finish(error.message) : undefined));
    child.on('message', (message) => {
      const told = message as ChannelMessage;
      run.heardAt = Date.now();
      if (told.type === 'ready') run.ready = true;
      if (told.type === 'failed') run.failure = new TradewindError(told.code, told.complaint);
    });
    this.#run = run;
    if (child.pid !== undefined) {
      this.state.process = recordOf(child.pid);
      writeFileSync(pidFile(this.#around.home, name), `${child.pid}\n`);
      // On disk before anything else happens: whoever cleans up after a killed supervisor finds its children here.
      this.#around.changed();
    }
    return run;
  }

  async #settle(): Promise<void> {
    try {
      await this.service.settle?.();
    } catch (error) {
      throw error instanceof TradewindError ? error : this.#failed(reasonOf(error), this.#run);
    }
  }

  #failed(value: string, run: Run | undefined): TradewindError {
    const { subject, remedy, failureCode, managed } = this.service;
    const lines = run === undefined ? [] : tailOf(this.#log, 12, run.logOffset);
    return new TradewindError(
      failureCode,
      managed
        ? { subject, rule: 'start and be healthy', value, remedy: `Its log is ${this.#log}. ${remedy}` }
        : { subject, rule: 'answer', value, remedy },
      lines.length === 0 ? {} : { cause: new LogTail(this.#log, lines) },
    );
  }

  #becomeHealthy(): void {
    this.#healthyAt = Date.now();
    this.#failures = 0;
    this.#around.log(`${this.service.name} is healthy${this.#run ? ` (pid ${this.#run.child.pid})` : ''}`);
    this.#set('healthy');
  }

  #set(condition: ServiceCondition, note?: string): void {
    const { state } = this;
    const address = this.service.address();
    if (address !== undefined) state.address = address;
    if (condition !== state.condition) state.since = new Date().toISOString();
    else if (note === state.note) return;
    state.condition = condition;
    if (note === undefined) delete state.note;
    else state.note = note;
    this.#around.changed();
  }

  #notedAt = 0;
  #building(note: string): void {
    // A build reports hundreds of packages a second at times.
    if (this.state.condition === 'building' && Date.now() - this.#notedAt < 200) return;
    this.#notedAt = Date.now();
    this.#set('building', note);
  }
}

function isFinal(error: unknown): boolean {
  return error instanceof TradewindError && final.has(error.code);
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  // `fetch failed` says nothing; its cause does.
  const text = message === 'fetch failed' && cause instanceof Error ? cause.message : message;
  return (text || String((error as NodeJS.ErrnoException).code ?? error)).replaceAll(/\s+/g, ' ').trim();
}
