/** A study as the terminal shows it. */
import type { StudyStatus, TrialReport, WarmTrials } from '../../contracts/study.ts';
import { shortValue } from '../../contracts/algorithm-titles.ts';
import { count, facts, mark, style, table, terminalWidth, wrap } from '../terminal.ts';

/** Trials of the short form. */
const bestShown = 5;
const lastShown = 10;

export function studyLines(workflowId: string, status: StudyStatus, trials: TrialReport[], all: boolean): string {
  const { metric, best, waiting, warm } = status;
  const telling = tellingParameters(trials);
  const lines = [studyHeadline(status), ''];
  lines.push(
    facts([
      ['study', workflowId],
      ['budget', budgetText(status)],
      ...(warm ? [['warm', `from ${warmText(warm)}`] as const] : []),
      ...(best
        ? [['best', `${metric} ${inOneColumn([best.value])(best.value)}, trial ${best.index + 1}`] as const]
        : []),
      ...(waiting.length > 0 ? [['asked for', `${waiting.length} to be tried next`] as const] : []),
    ]),
    '',
  );
  // Few trials are one table: the best of them are among the last.
  if (all || trials.length <= lastShown) {
    if (trials.length > 0) lines.push(trialTable(trials, status, telling));
    lines.push(...failureLines(trials));
    return lines.join('\n');
  }
  const bestOnes = ranked(trials, status).slice(0, bestShown);
  const last = trials.slice(-lastShown).toReversed();
  if (bestOnes.length > 0) lines.push(style.bold('Best'), trialTable(bestOnes, status, telling), '');
  if (last.length > 0) lines.push(style.bold('Last'), trialTable(last, status, telling));
  if (trials.length > last.length) lines.push('', style.dim(`--all shows all ${count(trials.length)} trials.`));
  lines.push(...failureLines(trials));
  return lines.join('\n');
}

/** What the last failure said. */
function failureLines(trials: readonly TrialReport[]): string[] {
  const failed = trials.findLast(({ error }) => error !== undefined);
  return failed ? ['', ...wrap(`Trial ${failed.index + 1} failed: ${failed.error}`, terminalWidth() - 1)] : [];
}

export function studyHeadline({ model, state, endedBy, counts, planned }: StudyStatus): string {
  const { started, running, pruned, failed, stopped } = counts;
  const words = {
    running: ['runs', mark.waiting()],
    paused: ['is paused', mark.warning()],
    ending: ['is ending', mark.waiting()],
    ended: ['has ended', mark.good()],
  } as const;
  const parts = [
    `${count(started - running)} of ${count(planned)} trials`,
    ...(pruned > 0 ? [`${count(pruned)} pruned`] : []),
    ...(failed > 0 ? [`${count(failed)} failed`] : []),
    ...(stopped > 0 ? [`${count(stopped)} cut off`] : []),
  ];
  const [word, symbol] = words[state];
  const why = endedBy === undefined || endedBy === 'trials' ? '' : ` (${endings[endedBy]})`;
  return `${symbol} ${style.bold(`The study of ${model} ${word}`)}${why}: ${parts.join(', ')}.`;
}

const endings = {
  trials: 'all trials',
  time: 'out of time',
  patience: 'no progress',
  failures: 'too many failures in a row',
  stop: 'stopped',
};

export function budgetLine(status: StudyStatus): string {
  return facts([['budget', budgetText(status)]]);
}

function warmText({ known, unfit }: WarmTrials): string {
  return `${count(known)}${unfit > 0 ? ` of ${count(known + unfit)}` : ''} trials of earlier studies`;
}

function budgetText({ budget }: StudyStatus): string {
  const { trials, parallel, minutes, patience } = budget;
  const without = patience === null ? '' : `, ${count(patience)} without improvement`;
  return `${count(trials)} trials, ${parallel} at a time, ${count(minutes)} minutes${without}`;
}

function ranked(trials: readonly TrialReport[], { direction }: StudyStatus): TrialReport[] {
  const sign = direction === 'maximize' ? 1 : -1;
  const done = trials.filter(({ state }) => state === 'done');
  return done.toSorted((a, b) => sign * (b.value! - a.value!) || a.index - b.index);
}

/** By candidate: parameters in which its trials differ. The fixed ones would fill the line. */
function tellingParameters(trials: readonly TrialReport[]): Map<number, Set<string>> {
  const seen = new Map<number, TrialReport['parameters']>();
  const telling = new Map<number, Set<string>>();
  for (const { candidate, parameters } of trials) {
    const first = seen.get(candidate);
    if (first === undefined) {
      seen.set(candidate, parameters);
      telling.set(candidate, new Set());
      continue;
    }
    for (const name of new Set([...Object.keys(parameters), ...Object.keys(first)])) {
      if (parameters[name] !== first[name]) telling.get(candidate)!.add(name);
    }
  }
  return telling;
}

function trialTable(
  trials: readonly TrialReport[],
  { metric, best }: StudyStatus,
  telling: ReadonlyMap<number, ReadonlySet<string>>,
): string {
  const asked = trials.some(({ enqueued }) => enqueued) ? `\n  ${style.dim('+ somebody asked for it')}` : '';
  const value = inOneColumn(trials.map((trial) => trial.value));
  const rows = table(
    [
      { title: '' },
      { title: 'trial', align: 'right' },
      { title: 'state' },
      { title: metric, align: 'right' },
      { title: 'algorithm', wraps: true },
      { title: 'parameters', wraps: true },
    ],
    trials.map((trial) => [
      trial.index === best?.index ? style.green('★') : '',
      String(trial.index + 1),
      stateOf(trial),
      value(trial.value),
      // As `study enqueue` takes it.
      trial.algorithm,
      parametersOf(trial, telling.get(trial.candidate)!),
    ]),
  );
  return rows + asked;
}

function stateOf({ state, enqueued }: TrialReport): string {
  const paint = { done: String, running: style.cyan, pruned: style.dim, failed: style.red, stopped: style.yellow };
  return `${paint[state](state)}${enqueued ? ' +' : ''}`;
}

function parametersOf({ parameters }: TrialReport, telling: ReadonlySet<string>): string {
  const parts = Object.entries(parameters).filter(([name]) => telling.has(name));
  return parts.map(([name, value]) => `${name}=${shortValue(value)}`).join(' ');
}

/** Values with as many decimals each: five digits of the largest. */
function inOneColumn(values: readonly (number | undefined)[]): (value: number | undefined) => string {
  const largest = Math.max(...values.map((value) => Math.abs(value ?? 0)));
  const decimals = largest > 0 ? Math.min(9, Math.max(0, 4 - Math.floor(Math.log10(largest)))) : 0;
  return (value) => (value === undefined ? '' : value.toFixed(decimals));
}
