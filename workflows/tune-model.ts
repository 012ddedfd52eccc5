/**
 * `tuneModel`: one study. Trials fan out as activities in a sliding window of W; trial i starts when trial i − W has
 * ended and its suggestion sees trials 0 to i − W and the parameters of those after, so that nothing depends on timing
 * (law 8), except where a time limit or a person ends it. It continues as new every `trialsPerRun` trials, when those
 * in flight have ended.
 */
import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { StudyInput, StudyResult, Suggestion, TrialReport } from '../contracts/study.ts';
import { markStage, markSubject } from './attributes.ts';
import { withFoot } from './board.ts';
import { studyProgressQuery, studyQuery, trialsSignal } from './messages.ts';
import { doQuickly } from './options.ts';
import { StudyClock } from './study/clock.ts';
import { StudyCourse } from './study/course.ts';
import { studyDetails } from './study/details.ts';
import { takeOrders } from './study/orders.ts';
import { metricOf, performTrial, reasonOf } from './study/trial.ts';

/** Times that a study tells its lifecycle how far it is: each costs the lifecycle's history four events. */
const timesTold = 200;

export async function tuneModel(input: StudyInput): Promise<StudyResult> {
  const { subject, tuning, carried } = input;
  const { workflowId, parent } = workflowInfo();
  const metric = metricOf(input);
  markSubject({ model: input.model, dataset: input.dataset });
  markStage('tune');
  const course = new StudyCourse(input);
  const clock = new StudyClock(carried?.spentMilliseconds ?? 0, !course.paused);
  const trials = new CancellationScope();
  /** The study, not its workflow, cuts its trials off. */
  let cutOff = false;
  let over = false;
  let fault: unknown;
  let told = course.counts.started - course.counts.running;

  const status = () => course.status(metric, over);
  const show = () => setCurrentDetails(withFoot(studyDetails(status(), course.latest)));
  setHandler(studyProgressQuery, () => course.progress());
  setHandler(studyQuery, status);
  takeOrders({
    course,
    clock,
    status: () => {
      show();
      return status();
    },
    settle: async (order) => {
      await condition(() => course.plan !== undefined);
      return doQuickly('settleTrial', 'a trial that somebody asks for', { candidates: course.plan!.candidates, order });
    },
    cancelTrials,
  });
  const timer = new CancellationScope();
  void timer
    .run(() => clock.timeIsUp(() => course.budget.minutes * 60_000))
    .then(() => {
      course.endedBy ??= 'time';
      cancelTrials();
    })
    .catch(() => undefined);

  for (;;) {
    const next = () => course.next(allHandlersFinished(), workflowInfo().continueAsNewSuggested);
    await condition(() => fault !== undefined || next() !== 'wait');
    if (fault !== undefined) throw fault;
    const step = next();
    if (step === 'plan') await plan();
    else if (step === 'archive') await archive();
    else if (step === 'start') await start();
    else if (step === 'continue') {
      timer.cancel();
      await continueAsNew<typeof tuneModel>({ ...input, carried: course.carry(clock.spentMilliseconds) });
    } else if (step === 'end') return await close();
  }

  function cancelTrials(): void {
    cutOff = true;
    trials.cancel();
  }

  async function plan(): Promise<void> {
    const { trials: budget } = course.budget;
    const sharing = tuning.candidates ?? 'even';
    const planned = await doQuickly('planStudy', 'share the trials', {
      subject,
      trials: budget,
      sharing,
      ...(input.warmStart && { warmStart: input.warmStart }),
    });
    course.follow(planned, budget);
    // The summary that the study was started with stays with its first run; this is what the Web UI has of the others.
    show();
  }

  async function archive(): Promise<void> {
    const ended = course.ended();
    const request = { archive: course.archive, trials: ended };
    course.archived(ended, await doQuickly('archiveTrials', `put ${ended.length} trials aside`, request));
  }

  async function start(): Promise<void> {
    course.judge();
    if (course.endedBy !== undefined) return;
    const asked = course.waiting.shift();
    if (asked !== undefined) {
      launch(course.begin(asked, undefined));
      return;
    }
    const pool = course.poolToDraw()!;
    const trial = await suggest(pool);
    // What came meanwhile counts: the same suggestion is made again when it is wanted.
    if (course.endedBy !== undefined || course.paused) return;
    if (trial === null) course.exhaust(pool);
    else launch(course.begin(trial, pool), trial.pruning);
  }

  async function suggest(place: number): Promise<Suggestion | null> {
    const pool = course.pool(place);
    const { trial } = await doQuickly('suggest', `what trial ${course.counts.started + 1} tries`, {
      candidates: course.plan!.candidates,
      pool: pool.candidates,
      sampler: tuning.sampler,
      seed: input.seed,
      index: pool.suggested,
      seen: course.seen,
      direction: course.direction,
      archive: course.archive,
      tail: course.known(pool.candidates),
      ...(input.warmStart && { warmStart: input.warmStart }),
      ...(tuning.pruning && { pruning: tuning.pruning }),
    });
    return trial;
  }

  function launch(trial: TrialReport, pruning?: Suggestion['pruning']): void {
    show();
    trials
      .run(() => runTrial(trial, pruning))
      .catch((error: unknown) => {
        fault ??= error;
      });
  }

  async function runTrial(trial: TrialReport, pruning?: Suggestion['pruning']): Promise<void> {
    try {
      const { value, state, rungs, milliseconds, cached } = await performTrial(input, trial, {
        title: course.plan!.titles[trial.candidate],
        // Once nobody took a trial in the stated time, the rest does not wait for it again.
        onCpu: course.fellBack,
        onFallback: () => (course.fellBack = true),
        ...(pruning && { pruning }),
      });
      Object.assign(trial, { state: state ?? 'done', value, ...(rungs && { rungs }), milliseconds, cached });
      // JSON has no NaN: what was one is null here.
      if (!Number.isFinite(trial.value)) fail(trial, `The trial's value must be finite. Got ${value}.`);
    } catch (error) {
      if (!isCancellation(error)) fail(trial, reasonOf(error));
      else if (cutOff) trial.state = 'stopped';
      else throw error;
    }
    course.end(trial);
    show();
    await tell();
  }

  /** The study's result does not depend on anybody listening. */
  async function tell(): Promise<void> {
    const ended = course.counts.started - course.counts.running;
    if (parent === undefined || ended < told + Math.ceil(course.planned / timesTold)) return;
    told = ended;
    await getExternalWorkflowHandle(parent.workflowId, parent.runId)
      .signal(trialsSignal, course.progress())
      .catch(() => undefined);
  }

  async function close(): Promise<StudyResult> {
    const { started, failed, pruned } = course.counts;
    // From here on orders are refused: nobody would carry them out.
    const endedBy = (course.endedBy ??= 'trials');
    timer.cancel();
    const { table, journal } = await doQuickly('closeStudy', `the table of ${started} trials`, {
      workflowId,
      name: `${input.model} ${metric}`,
      metric,
      direction: course.direction,
      candidates: course.plan!.candidates,
      archive: course.archive,
      trials: started,
    });
    over = true;
    show();
    const failure = whyFailed(course, endedBy);
    if (failure !== undefined) throw ApplicationFailure.nonRetryable(failure, 'STUDY_FAILED');
    return {
      best: course.bestByCandidate(),
      trials: started,
      failed,
      pruned,
      endedBy,
      tables: [table],
      journal,
      fellBack: course.fellBack,
      ...(course.plan!.warm && { warm: course.plan!.warm }),
    };
  }
}

function fail(trial: TrialReport, reason: string): void {
  delete trial.value;
  trial.state = 'failed';
  trial.error = reason;
}

/** One bad corner of the space must not end the study; trials that all fail, or fail again and again, do. */
function whyFailed(course: StudyCourse, endedBy: StudyResult['endedBy']): string | undefined {
  const { started, failed } = course.counts;
  const first = `The first said: ${course.firstError ?? 'nothing'}`;
  if (endedBy === 'failures') {
    return `${course.tally.state.failuresInARow} trials in a row failed, ${failed} of ${started} in all. ${first}`;
  }
  if (course.bestByCandidate().length > 0) return undefined;
  if (endedBy === 'time') {
    return (
      `A trial of the study must end within tuning.timeoutMinutes. Got ${course.budget.minutes} minutes and none that ` +
      'has ended with a value. Raise the limit; trials that have ended are in the cache and are not computed again.'
    );
  }
  if (failed === started) return `Every one of the ${started} trials failed. ${first}`;
  return `None of the ${started} trials ended with a value: ${failed} failed, the others were cut off.`;
}
