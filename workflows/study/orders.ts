/** What people may tell a study while it runs: its updates, and why one is refused. */
import { ApplicationFailure, setHandler } from '@temporalio/workflow';
import { TradewindError, type Complaint } from '../../contracts/errors.ts';
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
    throw refusal({
      subject: 'The study',
      rule: 'still be open',
      value: `one that ends already (${course.endedBy})`,
      remedy: 'Nothing was changed; a new study can start warm from it.',
    });
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
        checkOrder(order);
        if (payloadBytes([...course.waiting, order]) <= waitingBytes) return;
        throw refusal({
          subject: 'Trials that wait for their turn',
          rule: `be at most ${waitingBytes} bytes together`,
          value: `${course.waiting.length} that wait, and this one`,
          remedy: 'Ask again when some of them have started.',
        });
      },
    },
  );
}

function checkBudget(change: Partial<StudyBudget>): void {
  const names = Object.keys(limits).join(', ');
  const entries = isRecord(change) ? Object.entries(change) : [];
  if (entries.length === 0) {
    throw refusal({
      subject: "A change of a study's budget",
      rule: `say one of ${names}`,
      value: 'nothing',
      remedy: 'Say what is to change; the rest stays as it is.',
    });
  }
  for (const [name, value] of entries) {
    const limit = Object.hasOwn(limits, name) ? limits[name as keyof typeof limits] : undefined;
    if (limit === undefined) {
      throw refusal({
        subject: "A change of a study's budget",
        rule: `say one of ${names}`,
        value: `"${name}"`,
        remedy: 'Leave it out.',
      });
    }
    if (name === 'patience' && value === null) continue;
    const { least, most, whole } = limit;
    const fits = typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value));
    if (fits) continue;
    throw refusal({
      subject: `The ${name} of a study's budget`,
      rule: `be ${whole ? 'an integer' : 'a number'} in [${least}, ${most}]`,
      value: JSON.stringify(value),
      remedy: 'Nothing was changed.',
    });
  }
}

function checkOrder(order: EnqueueOrder): void {
  if (isRecord(order) && isRecord(order.parameters) && ['string', 'number'].includes(typeof order.candidate)) return;
  throw refusal({
    subject: 'A trial that is asked for',
    rule: 'name its candidate and its parameters',
    value: JSON.stringify(order)?.slice(0, 200) ?? 'nothing',
    remedy: 'For example {"candidate": "als", "parameters": {"factors": 64}}.',
  });
}

/** Types hold for those who call from TypeScript; anybody may call. */
function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refusal(complaint: Complaint): ApplicationFailure {
  const { message, code } = new TradewindError('USAGE', complaint);
  return ApplicationFailure.create({ message, type: code, nonRetryable: true, details: [complaint] });
}
