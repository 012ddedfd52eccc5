/** The threads of one served model version: requests in, answers out, drained at the end and never terminated. */
import { Worker } from 'node:worker_threads';
import { TradewindError } from '../contracts/errors.ts';
import type {
  InferenceAnswer,
  InferenceRequest,
  ModelFacts,
  ModelFiles,
  Recommendation,
  RecommendQuery,
  SerializedError,
  Tensor,
} from './inference-messages.ts';
import { Refusal } from './refusals.ts';

type Ask = { kind: 'recommend'; query: RecommendQuery } | { kind: 'infer'; tensors: Tensor[]; outputs: string[] };

interface Pending {
  ask: Ask;
  resolve: (answer: { value: Recommendation | Tensor[]; runMilliseconds: number }) => void;
  reject: (error: Error) => void;
}

interface Thread {
  worker: Worker;
  /** Requests that it has, by id. */
  taken: Map<number, Pending>;
  ended: Promise<void>;
  alive: boolean;
}

/** Two per thread: the next one is at hand when a run ends, and the rest stays where any thread can take it. */
const takenAtOnce = 2;
/** Beyond it requests would wait longer than their senders do. */
const queueLimit = 1_000;

export class InferenceThreads {
  readonly facts: ModelFacts;
  readonly #threads: Thread[];
  readonly #queue: Pending[] = [];
  #nextId = 1;
  #closing = false;
  #drained: (() => void) | undefined;

  private constructor(threads: Thread[], facts: ModelFacts) {
    this.#threads = threads;
    this.facts = facts;
    for (const thread of threads) {
      thread.worker.on('message', (answer: InferenceAnswer) => this.#receive(thread, answer));
      void thread.ended.then(() => this.#bury(thread));
    }
  }

  /**
   * Opens the model in `count` threads and warms them up.
   * @throws TradewindError `ARTIFACT_CORRUPT` when the files do not make a recommender
   */
  static async open(files: ModelFiles, count: number): Promise<InferenceThreads> {
    const threads = Array.from({ length: count }, () => startThread(files));
    const openings = await Promise.allSettled(threads.map(opened));
    const failed = openings.find((opening) => opening.status === 'rejected');
    if (failed !== undefined) {
      for (const { worker, alive } of threads)
        if (alive) worker.postMessage({ kind: 'close' } satisfies InferenceRequest);
      await Promise.all(threads.map((thread) => thread.ended));
      throw failed.reason;
    }
    const [first] = openings as PromiseFulfilledResult<ModelFacts>[];
    return new InferenceThreads(threads, first.value);
  }

  /** True when a thread has ended that nobody closed: the model should be opened anew. */
  get broken(): boolean {
    return !this.#closing && this.#threads.some((thread) => !thread.alive);
  }

  /** True while at least one thread can answer. */
  get open(): boolean {
    return !this.#closing && this.#threads.some((thread) => thread.alive);
  }

  async recommend(query: RecommendQuery): Promise<{ value: Recommendation; runMilliseconds: number }> {
    return (await this.#ask({ kind: 'recommend', query })) as { value: Recommendation; runMilliseconds: number };
  }

  async infer(tensors: Tensor[], outputs: string[]): Promise<{ value: Tensor[]; runMilliseconds: number }> {
    return (await this.#ask({ kind: 'infer', tensors, outputs })) as { value: Tensor[]; runMilliseconds: number };
  }

  /** Takes no more requests, answers those it has, and resolves when the threads have ended. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      if (!this.#idle) await new Promise<void>((resolve) => (this.#drained = resolve));
      for (const thread of this.#threads) if (thread.alive) thread.worker.postMessage({ kind: 'close' });
    }
    await Promise.all(this.#threads.map((thread) => thread.ended));
  }

  get #idle(): boolean {
    return this.#queue.length === 0 && this.#threads.every((thread) => thread.taken.size === 0);
  }

  #ask(ask: Ask): Promise<{ value: Recommendation | Tensor[]; runMilliseconds: number }> {
    if (!this.open) throw unavailable('be open', 'a closed model');
    if (this.#queue.length >= queueLimit) throw unavailable('have room for the request', `${queueLimit} that wait`);
    return new Promise((resolve, reject) => {
      this.#queue.push({ ask, resolve, reject });
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      let least: Thread | undefined;
      for (const thread of this.#threads) {
        if (thread.alive && thread.taken.size < (least?.taken.size ?? takenAtOnce)) least = thread;
      }
      if (least === undefined) return;
      const pending = this.#queue.shift()!;
      const id = this.#nextId++;
      least.taken.set(id, pending);
      least.worker.postMessage({ ...pending.ask, id } satisfies InferenceRequest);
    }
  }

  #receive(thread: Thread, answer: InferenceAnswer): void {
    if (answer.kind !== 'done' && answer.kind !== 'refused') return;
    const pending = thread.taken.get(answer.id);
    if (pending === undefined) return;
    thread.taken.delete(answer.id);
    if (answer.kind === 'done') pending.resolve({ value: answer.value, runMilliseconds: answer.runMilliseconds });
    else pending.reject(revive(answer.error));
    this.#dispatch();
    if (this.#idle) this.#drained?.();
  }

  /** A thread has ended: what it had is lost; the rest of the queue is, too, when it was the last one. */
  #bury(thread: Thread): void {
    const lost = [...thread.taken.values()];
    thread.taken.clear();
    if (!this.#threads.some((other) => other.alive)) lost.push(...this.#queue.splice(0));
    for (const { reject } of lost) reject(unavailable('live until it has answered', 'an inference thread that ended'));
    this.#dispatch();
    if (this.#idle) this.#drained?.();
  }
}

function startThread(files: ModelFiles): Thread {
  const worker = new Worker(new URL('./inference-thread.ts', import.meta.url), {
    workerData: files,
    name: 'inference',
  });
  // An 'error' is followed by 'exit', which is what counts; without a listener it would end the process.
  worker.on('error', () => {});
  const thread: Thread = { worker, taken: new Map(), alive: true, ended: Promise.resolve() };
  thread.ended = new Promise((resolve) => {
    worker.once('exit', () => {
      thread.alive = false;
      resolve();
    });
  });
  return thread;
}

function opened(thread: Thread): Promise<ModelFacts> {
  return new Promise((resolve, reject) => {
    const onMessage = (answer: InferenceAnswer) => {
      if (answer.kind === 'ready') resolve(answer.facts);
      else if (answer.kind === 'failed') reject(revive(answer.error));
      else return;
      thread.worker.off('message', onMessage);
    };
    thread.worker.on('message', onMessage);
    thread.worker.once('error', reject);
    void thread.ended.then(() =>
      reject(unavailable('open', 'an inference thread that ended while it opened the model')),
    );
  });
}

function revive({ message, code, complaint, status }: SerializedError): Error {
  if (code === undefined || complaint === undefined) return new Error(message);
  return status === undefined ? new TradewindError(code, complaint) : new Refusal(status, code, complaint);
}

function unavailable(rule: string, value: string): Refusal {
  return new Refusal(503, 'SERVER_UNAVAILABLE', {
    subject: 'The served model',
    rule,
    value,
    remedy: 'Send the request again in a second.',
  });
}
