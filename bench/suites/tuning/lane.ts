/** A thread that runs studies one after another, beside others that do. */
import { parentPort } from 'node:worker_threads';
import { PeerProcess, PeerUnavailable } from '../../peers.ts';
import { openProblem, type Problem, type ProblemName } from './problems.ts';
import { runStudy, type Study } from './studies.ts';

export type PeerCommand = readonly [program: string, ...args: string[]];

/** With the command of the peer where the study is its own: each thread has a process of it. */
export type ToLane = { study: Study; peer?: PeerCommand } | 'end';
export type FromLane = { regrets: number[] } | { error: string; peerIsMissing: boolean };

const problems = new Map<ProblemName, Promise<Problem>>();
let peer: PeerProcess | undefined;

async function problemOf(name: ProblemName): Promise<Problem> {
  const known = problems.get(name);
  if (known !== undefined) return known;
  const opened = openProblem(name);
  problems.set(name, opened);
  return opened;
}

function openPeer(command: PeerCommand | undefined): PeerProcess {
  if (command === undefined) throw new PeerUnavailable('There is no peer.');
  const [program, ...args] = command;
  // One thread a process: those of PyTorch would wait for those of the process beside it.
  return (peer ??= new PeerProcess(program, args, { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' }));
}

async function answer(message: ToLane): Promise<void> {
  if (message === 'end') {
    await peer?.close();
    parentPort!.close();
    return;
  }
  const { study, peer: command } = message;
  let said: FromLane;
  try {
    said = { regrets: await runStudy(study, await problemOf(study.problem), async () => openPeer(command)) };
  } catch (error) {
    said = {
      error: error instanceof Error ? error.message : String(error),
      peerIsMissing: error instanceof PeerUnavailable,
    };
  }
  parentPort!.postMessage(said);
}

parentPort!.on('message', (message: ToLane) => void answer(message));
