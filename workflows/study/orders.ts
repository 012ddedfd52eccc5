/** What people may tell a study while it runs: its updates, and why one is refused. */
import { ApplicationFailure, setHandler } from '@temporalio/workflow';
import { payloadBytes } from '../../contracts/payload.ts';
import type { EnqueueOrder, SettledTrial, StudyBudget, StudyStatus } from '../../contracts/study.ts';
import { budgetUpdate, enqueueUpdate, pauseUpdate, resumeUpdate, stopUpdate } from '../messages.ts';
import type { StudyClock } from './clock.ts';
import type { StudyCourse } from './course.ts';

/** They pass from run to run of the workflow. */
const waitingBytes = 16 * 1024;

const limits = {
  trials: { least: 1, most: 100_000, whole: true },
  parallel: { least: 1, most: 64, whole: true },
  minutes: { least: 0, most: 525_600, whole: false },
  patience: { least: 1, most: 100_000, whole: true },
} as const;

export interface Study {
  course: StudyCourse;
  clock: StudyClock;
  status: () => StudyStatus;
  /** Checks what somebody asks for against the study's spaces. */
  settle: (order: EnqueueOrder) => Promise<SettledTrial>;
  /** Ends the trials that run. */
  cancelTrials: () => void;
}

export function takeOrders({ course, clock, status, settle, cancelTrials }: Study): void {
  const open = () => {
    if (course.endedBy === undefined) return;
    throw refusal(`The study must not have ended. Got one that ended by ${course.endedBy}. Start another one.`);
  };

  // Pausing what is paused changes nothing and is no error, so that a command can be given twice.
  setHandler(
    pauseUpdate,
    () => {
      if (!course.paused) clock.run(false);
      course.paused = true;
      return status();
    },
    { validator: open },
  );
  setHandler(
    resumeUpdate,
    () => {
      if (course.paused) clock.run(true);
      course.paused = false;
      return status();
    },
    { validator: open },
  );
  setHandler(
    budgetUpdate,
    (change: Partial<StudyBudget>) => {
      Object.assign(course.budget, change);
      clock.changed();
      return status();
    },
    {
      validator: (change: Partial<StudyBudget>) => {
        open();
        checkBudget(change);
      },
    },
  );
  setHandler(
    stopUpdate,
    (how?: { now?: boolean }) => {
      course.endedBy = 'stop';
      if (how?.now === true) cancelTrials();
      return status();
    },
    {
      validator: (_how?: { now?: boolean }) => {
        // Asked to stop again, `now` this time, it does.
        if (course.endedBy !== 'stop') open();
      },
    },
  );
  setHandler(
    enqueueUpdate,
    async (order: EnqueueOrder) => {
      const trial = await settle(order);
      open();
      const same = course.waiting.some((other) => JSON.stringify(other) === JSON.stringify(trial));
      if (!same) course.waiting.push(trial);
      return status();
    },
    {
      validator: (order: EnqueueOrder) => {
        open();
        if (!isRecord(order) || !isRecord(order.parameters)) {
          throw refusal('A trial that is asked for must name its candidate and its parameters. Got something else.');
        }
        if (payloadBytes([...course.waiting, order]) > waitingBytes) {
          throw refusal(
            `Waiting trials must be at most ${waitingBytes} bytes together. Got ${course.waiting.length} that wait, ` +
              'and this one. Ask again when some have started.',
          );
        }
      },
    },
  );
}

function checkBudget(change: Partial<StudyBudget>): void {
  const entries = isRecord(change) ? Object.entries(change) : [];
  if (entries.length === 0) throw refusal(`A budget must say one of ${Object.keys(limits).join(', ')}. Got nothing.`);
  for (const [name, value] of entries) {
    const limit = limits[name as keyof typeof limits] as (typeof limits)[keyof typeof limits] | undefined;
    if (limit === undefined) {
      throw refusal(`A budget must say one of ${Object.keys(limits).join(', ')}. Got "${name}".`);
    }
    if (name === 'patience' && value === null) continue;
    const { least, most, whole } = limit;
    const fits = typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value));
    if (fits) continue;
    throw refusal(
      `The budget's ${name} must be ${whole ? 'an integer' : 'a number'} in [${least}, ${most}]. Got ${value}.`,
    );
  }
}

/** Types hold for those who call from TypeScript; anybody may call. */
function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refusal(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'USAGE');
}
