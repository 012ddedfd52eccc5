/** A group of kernel threads over one shared memory. The host allocates; kernels only compute. */
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { TradewindError } from '../../contracts/errors.ts';
import { readArraysInto, type ArrayFile } from '../arrays/safetensors.ts';
import { threadsWithinGrant } from '../pool/grant.ts';
import { instantiate, kernelModule, maximumPages } from './load.ts';
import type { KernelExports, KernelName } from './load.ts';

const pageBytes = 65536;
const alignment = 64;
/** Byte address of the shared counter of chunks taken; allocations begin behind it. */
const counterAddress = 64;
const firstAddress = 128;
/** Not 0: a thread has failed in the loop that runs, so that others need not wait for it; `assembly/failure.ts`. */
const failedAddress = 68;
/** A single thread lets its event loop run (progress, checkpoints) after this many milliseconds of kernel work. */
const yieldAfter = 50;

/** What the threads of a group are started with. */
export interface ThreadSetup {
  memory: WebAssembly.Memory;
  modules: Partial<Record<KernelName, WebAssembly.Module>>;
  counterAddress: number;
}
/** One parallel loop, as each thread gets it. */
export interface LoopMessage {
  kernel: KernelName;
  fn: string;
  /** Arguments of each chunk. */
  args: number[][];
  /** Address of the thread's own scratch, appended to the arguments. */
  scratch?: number;
}
export interface LoopAnswer {
  error?: string;
}

interface Views {
  f32: Float32Array<SharedArrayBuffer>;
  f64: Float64Array<SharedArrayBuffer>;
  i32: Int32Array<SharedArrayBuffer>;
  u32: Uint32Array<SharedArrayBuffer>;
  u16: Uint16Array<SharedArrayBuffer>;
  u8: Uint8Array<SharedArrayBuffer>;
}
const views: { [T in keyof Views]: (buffer: SharedArrayBuffer, address: number, length: number) => Views[T] } = {
  f32: (buffer, address, length) => new Float32Array(buffer, address, length),
  f64: (buffer, address, length) => new Float64Array(buffer, address, length),
  i32: (buffer, address, length) => new Int32Array(buffer, address, length),
  u32: (buffer, address, length) => new Uint32Array(buffer, address, length),
  u16: (buffer, address, length) => new Uint16Array(buffer, address, length),
  u8: (buffer, address, length) => new Uint8Array(buffer, address, length),
};

/**
 * Threads that compute on one memory of up to 4 GiB: arrays are put there, and loops go over chunks of them.
 *
 * Memory is a stack, so that one function at a time may use a group: one that another calls may take a mark, allocate,
 * and release. Loops that are started together run one after the other; while any is under way, nothing is
 * allocated or released, as it would be given out twice.
 * @example
 * const threads = new KernelThreads(4, ['csr']);
 * const scores = await CsrMatrix.put(threads, matrix, columns).multiplyVector(x);
 * await threads.close();
 */
export class KernelThreads {
  readonly threads: number;
  readonly #memory: WebAssembly.Memory;
  readonly #workers: Worker[];
  readonly #local: ReadonlyMap<KernelName, KernelExports>;
  #top = firstAddress;
  #running: Promise<void> = Promise.resolve();
  /** Loops that run or wait to. */
  #loops = 0;
  /** Whether the arguments of a loop are being made: what is allocated for them lasts as long as it. */
  #preparing = false;
  #failure: Error | undefined;
  #closed = false;
  #yielded = 0;

  /**
   * @param threads - with 1, kernels run in the calling thread; with more, each gets a worker thread and the calling
   * thread stays free. A task of the compute pool gets no more than it was granted.
   * @param kernels - the kernels that will be called.
   * @throws TradewindError `PREREQUISITE_MISSING` when the kernels have not been built.
   */
  constructor(threads: number, kernels: readonly KernelName[]) {
    if (!Number.isInteger(threads) || threads < 1) {
      throw new RangeError(`The number of kernel threads must be an integer of at least 1. Got ${threads}.`);
    }
    this.threads = threadsWithinGrant(threads);
    this.#memory = new WebAssembly.Memory({ initial: 16, maximum: maximumPages, shared: true });
    const modules = new Map(kernels.map((name) => [name, kernelModule(name)]));
    this.#local = new Map(
      this.threads === 1 ? [...modules].map(([name, module]) => [name, instantiate(module, this.#memory)]) : [],
    );
    const workerData: ThreadSetup = { memory: this.#memory, modules: Object.fromEntries(modules), counterAddress };
    this.#workers = Array.from({ length: this.threads === 1 ? 0 : this.threads }, () => {
      const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData, execArgv: [] });
      worker.on('error', (error) => (this.#failure ??= error));
      // A group that is waiting for nothing does not keep its process alive.
      worker.unref();
      return worker;
    });
  }

  /**
   * Memory aligned to 64 bytes, content undefined; the memory grows as needed.
   * @returns its byte address.
   * @throws TradewindError `PARAMETER_INVALID` above 4 GiB.
   * @throws Error while a loop is under way.
   */
  alloc(bytes: number): number {
    this.#requireQuiet();
    return this.#take(bytes);
  }

  #take(bytes: number): number {
    const address = this.#top;
    const top = Math.ceil((address + bytes) / alignment) * alignment;
    const missing = Math.ceil(top / pageBytes) - this.#memory.buffer.byteLength / pageBytes;
    if (missing > 0) {
      const refused = () =>
        new TradewindError('PARAMETER_INVALID', {
          subject: 'The arrays of kernel threads',
          rule: 'fit the 4 GiB that a kernel can address',
          value: `${(top / 2 ** 30).toFixed(1)} GiB`,
          remedy: 'Give it less at once: fewer factors, neighbours, items, features or documents.',
        });
      if (top > maximumPages * pageBytes) throw refused();
      this.#memory.grow(missing);
    }
    this.#top = top;
    return address;
  }

  /** Copies an array into newly allocated memory. */
  put(array: Float32Array | Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array): number {
    const address = this.alloc(array.byteLength);
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    new Uint8Array(this.#memory.buffer, address, array.byteLength).set(bytes);
    return address;
  }

  /**
   * Reads an array file straight into newly allocated memory, where all threads see it. The address of an array is its
   * `byteOffset`, a multiple of 64.
   * @throws TradewindError `PARAMETER_INVALID` above 4 GiB.
   */
  load(path: string): Promise<ArrayFile> {
    return readArraysInto(path, (bytes) => this.view('u8', this.alloc(bytes), bytes));
  }

  /** A view of `length` elements from `address` on; good until `close`. */
  view<T extends keyof Views>(type: T, address: number, length: number): Views[T] {
    return views[type](this.#memory.buffer, address, length);
  }

  /** Where the next allocation begins; `release` gives back everything allocated since. */
  mark(): number {
    return this.#top;
  }
  /** @throws Error while a loop is under way, or where what was allocated before the mark has been given back. */
  release(mark: number): void {
    this.#requireQuiet();
    if (mark > this.#top) throw new Error('Memory of kernel threads must be released in the order of its marks.');
    this.#top = mark;
  }

  /** Memory that changed hands now would be another function's as well. */
  #requireQuiet(): void {
    if (this.#loops > 0 && !this.#preparing) {
      throw new Error('A group of kernel threads must be used by one function at a time. Await the one before.');
    }
  }

  /**
   * Calls `fn` of a kernel for each chunk; a thread that is done with one takes the next. Chunks must write to disjoint
   * memory: then the result depends neither on the number of threads nor on timing.
   * @param argsOf - arguments of a chunk; what it allocates is given back after the loop.
   * @param scratchBytes - when given, each call gets the address of this much memory of its thread's own as a last
   * argument; its content is undefined.
   */
  async parallelFor(
    kernel: KernelName,
    fn: string,
    chunks: number,
    argsOf: (chunk: number) => number[],
    scratchBytes?: number,
  ): Promise<void> {
    if (this.#closed) throw new Error('The kernel threads are closed.');
    this.#loops++;
    // One loop at a time: the counter of chunks is one.
    const loop = this.#running.then(async () => {
      const top = this.#top;
      try {
        const scratch = Array.from({ length: this.threads }, () =>
          scratchBytes === undefined ? undefined : this.#take(scratchBytes),
        );
        this.#preparing = true;
        const args = Array.from({ length: chunks }, (_, chunk) => argsOf(chunk));
        this.#preparing = false;
        if (this.threads === 1) await this.#runHere({ kernel, fn, args, scratch: scratch[0] });
        else await this.#runInWorkers({ kernel, fn, args }, scratch);
      } finally {
        this.#preparing = false;
        this.#top = top;
        this.#loops--;
      }
    });
    this.#running = loop.catch(() => undefined);
    await loop;
  }

  async #runHere({ kernel, fn, args, scratch }: LoopMessage): Promise<void> {
    const call = exported(this.#local.get(kernel), kernel, fn);
    for (const chunk of args) {
      if (scratch === undefined) call(...chunk);
      else call(...chunk, scratch);
      if (performance.now() - this.#yielded > yieldAfter) {
        await setImmediate();
        this.#yielded = performance.now();
      }
    }
  }

  async #runInWorkers(loop: LoopMessage, scratch: (number | undefined)[]): Promise<void> {
    if (this.#failure) throw this.#failure;
    Atomics.store(this.view('i32', counterAddress, 1), 0, 0);
    const failed = this.view('i32', failedAddress, 1);
    Atomics.store(failed, 0, 0);
    const errors: unknown[] = [];
    const ended = this.#workers.map((worker, i) =>
      ask(worker, { ...loop, scratch: scratch[i] }).catch((error: unknown) => {
        Atomics.store(failed, 0, 1);
        errors.push(error);
      }),
    );
    await Promise.all(ended);
    // The first: those that waited for it fail after it.
    if (errors.length > 0) throw errors[0];
  }

  /** Waits for a running loop, then ends the threads. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/** @throws Error when the kernel has no such function. */
export function exported(kernel: KernelExports | undefined, name: KernelName, fn: string): KernelExports[string] {
  const call = kernel?.[fn];
  if (!call) throw new Error(`The kernel "${name}" must be loaded and export "${fn}".`);
  return call;
}

async function ask(worker: Worker, loop: LoopMessage): Promise<void> {
  worker.ref();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onMessage = ({ error }: LoopAnswer) => (error === undefined ? resolve() : reject(new Error(error)));
  const onExit = (code: number) => reject(new Error(`A kernel thread ended with code ${code}.`));
  worker.once('message', onMessage).once('error', reject).once('exit', onExit);
  try {
    worker.postMessage(loop);
    await promise;
  } finally {
    worker.off('message', onMessage).off('error', reject).off('exit', onExit);
    worker.unref();
  }
}
