/** What a run looks like in a terminal of 80 columns: a line per stage as it ends, then the table of candidates. */
import { settingsOf, titleOf } from '../../contracts/algorithm-titles.ts';
import type { CandidateResult, LifecycleProgress, LifecycleResult, StageReport } from '../../contracts/lifecycle.ts';
import { preparationLines } from '../../contracts/preparation-titles.ts';
import type { ShownSlices } from '../../contracts/recommender-slices.ts';
import type { TableCandidateResult, TableLifecycleResult } from '../../contracts/table-lifecycle.ts';
import { clip, count, duration, LiveLines, style, table, terminalWidth, wrap } from '../terminal.ts';
import type { PendingFault } from './failures.ts';
import type { Watcher } from './follow.ts';

const marks: Record<StageReport['state'], string> = {
  waiting: ' ',
  running: '…',
  done: '✓',
  skipped: '–',
  failed: '✗',
};

/** Draws each stage once it has ended; in a terminal also a line that moves while one runs. */
export class StageLines implements Watcher {
  readonly #drawn = new Set<string>();
  readonly #live = new LiveLines();
  #trialsTold = 0;
  #waitTold = false;

  progress(progress: LifecycleProgress): void {
    const ended = progress.stages.filter(
      (s) => s.state !== 'waiting' && s.state !== 'running' && !this.#drawn.has(s.stage),
    );
    if (ended.length > 0) this.#live.draw([]);
    for (const report of ended) {
      this.#drawn.add(report.stage);
      this.#print(stageLine(report));
    }
    if (progress.waitsFor && !this.#waitTold) {
      this.#waitTold = true;
      for (const reason of progress.waitsFor) this.#print(bullet(style.yellow('!'), reason).join('\n'));
      const { note } = progress.stages.find((s) => s.state === 'running') ?? {};
      this.#print(`${style.yellow('The run waits for a decision about its data')}:`);
      this.#print(`  ${note?.replace(/^waits: /, '') ?? 'tradewind decide'}`);
    }
    const running = progress.stages.find((s) => s.state === 'running');
    if (running) this.#running(running, progress.trials);
  }

  fault({ activity, attempt, message }: PendingFault): void {
    this.#print(bullet(style.yellow('!'), `${activity} is tried again (attempt ${attempt}): ${message}`).join('\n'));
  }

  silent(): void {
    this.#live.draw([style.dim('waiting for a worker…')]);
  }

  end(): void {
    this.#live.erase();
  }

  #running(report: StageReport, { done, failed, total }: LifecycleProgress['trials']): void {
    if (this.#live.enabled) {
      const since = report.startedAt === undefined ? 0 : Math.max(0, Date.now() - Date.parse(report.startedAt));
      this.#live.draw([line(style.cyan(marks.running), report.stage, duration(since), report.note ?? '')]);
    } else if (report.stage === 'tune' && total > 0 && done + failed >= this.#trialsTold + Math.ceil(total / 4)) {
      // A log gets a line now and then in place of one that moves.
      this.#trialsTold = done + failed;
      console.log(line(' ', 'tune', '', report.note ?? ''));
    }
  }

  #print(text: string): void {
    this.#live.draw([]);
    console.log(text);
  }
}

/** A stage that has ended, its note in full. */
function stageLine({ stage, state, milliseconds, cached, note }: StageReport): string {
  const paint = state === 'failed' ? style.red : state === 'skipped' ? style.dim : style.green;
  const time = milliseconds === undefined ? '' : cached ? 'cached' : duration(milliseconds);
  const lines = wrap(note ?? '', terminalWidth() - noteIndent - 1);
  return head(paint(marks[state]), stage, time) + lines.join(`\n${' '.repeat(noteIndent)}`);
}

/** Columns in front of a note. */
const stageWidth = 14;
const noteIndent = stageWidth + 13;

function head(mark: string, stage: string, time: string): string {
  return `${mark} ${stage.padEnd(stageWidth)} ${style.dim(time.padStart(8))}  `;
}

/** One line, cut: what is drawn again and again must not wrap. */
function line(mark: string, stage: string, time: string, note: string): string {
  return head(mark, stage, time) + clip(note, terminalWidth() - noteIndent - 1);
}

/** Text with a mark before it, wrapped below itself. */
function bullet(mark: string, text: string): string[] {
  return wrap(text, terminalWidth() - 5).map((part, i) => (i === 0 ? `${mark} ${part}` : `  ${part}`));
}

export function candidateTable(candidates: CandidateResult[], metric: string): string {
  return table(
    [
      { title: '' },
      { title: `candidate (${metric})`, flexible: true },
      { title: 'tuning', align: 'right' },
      { title: 'discovery', align: 'right' },
      { title: '95 % interval', align: 'right' },
      { title: 'repeat', align: 'right' },
    ],
    candidates.map((c) => [
      c.chosen ? style.green('★') : '',
      `${titleOf(c.algorithm)}${variant(c)}`,
      number(c.validation),
      number(c.evaluation?.discovery.metrics[metric]),
      interval(c.evaluation?.discovery.interval),
      number(c.evaluation?.repeat.metrics[metric]),
    ]),
  );
}

/** For whom the chosen candidate does well, and with which items. */
export function sliceTables({ lane, k, metric, smallest, users, items }: ShownSlices): string {
  const byHistory = table(
    [
      { title: `★ in ${lane}`, flexible: true },
      { title: 'users', align: 'right' },
      { title: metric, align: 'right' },
      { title: '95 % interval', align: 'right' },
    ],
    users.map((slice) => [
      `users with ${slice.label}`,
      count(slice.users),
      slice.value === null && slice.users > 0 ? style.dim(`below ${smallest} users`) : number(slice.value ?? undefined),
      interval(slice.interval),
    ]),
  );
  const byPopularity = table(
    [
      { title: '', flexible: true },
      { title: 'items', align: 'right' },
      { title: 'to be found', align: 'right' },
      { title: `recall@${k}`, align: 'right' },
      { title: 'of the lists', align: 'right' },
    ],
    items.map((slice) => [
      `${slice.label} of the catalogue`,
      count(slice.items),
      count(slice.relevant),
      number(slice.recall ?? undefined),
      slice.shown === null ? '' : `${(100 * slice.shown).toFixed(1)} %`,
    ]),
  );
  return `${byHistory}\n\n${byPopularity}`;
}

export function tableCandidateTable(candidates: TableCandidateResult[], metric: string): string {
  const folds = candidates.some((c) => c.folds);
  return table(
    [
      { title: '' },
      { title: `candidate (${metric})`, wraps: true },
      { title: 'features', align: 'right' },
      // Trials are judged on the folds where there are some, so that the two are the same.
      { title: folds ? 'folds' : 'tuning', align: 'right' },
      { title: 'test', align: 'right' },
      { title: '95 % interval', align: 'right' },
    ],
    candidates.map((c) => [
      c.chosen ? style.green('★') : '',
      titleOf(c.algorithm),
      c.features === undefined ? '' : count(c.features),
      c.folds ? number(c.folds.mean) + plusMinus(c.folds.standardError) : number(c.validation),
      number(c.test?.value ?? undefined),
      interval(c.test?.interval),
    ]),
  );
}

function plusMinus(error: number | undefined): string {
  return error === undefined ? '' : ` ± ${number(error)}`;
}

/** What tuning chose of the model and of its preparation, `★` being the table's. */
function choiceLines(candidates: readonly TableCandidateResult[]): string[] {
  const chosen = candidates.find((c) => c.chosen);
  if (chosen === undefined) return [];
  const settings = settingsOf(chosen.algorithm, chosen.parameters);
  const first = `${titleOf(chosen.algorithm)}${settings === '' ? '' : ` ${settings}`}`;
  return [first, ...preparationLines(chosen.preparation)].flatMap((text, i) =>
    bullet(i === 0 ? style.green('★') : ' ', text).map((part) => `  ${part}`),
  );
}

/** Tells two candidates of one algorithm apart. */
function variant({ algorithm, parameters }: CandidateResult): string {
  if (algorithm === 'item-knn' || algorithm === 'user-knn') return ` (${parameters['similarity']})`;
  if (algorithm === 'als') return ` (${parameters['factors']} factors)`;
  return '';
}

function number(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(4);
}

function interval(range: readonly [number, number] | undefined): string {
  return range === undefined ? '' : `${range[0].toFixed(4)}–${range[1].toFixed(4)}`;
}

export interface ResultPlaces {
  workflowUrl?: string;
  curl?: string;
}

export function resultLines(result: LifecycleResult | TableLifecycleResult, places: ResultPlaces): string {
  const { outcome } = result;
  const performance = 'task' in result ? undefined : result.performance;
  const candidates =
    'task' in result
      ? tableCandidateTable(result.candidates, result.metric)
      : candidateTable(result.candidates, result.metric);
  const lines = [candidates, ''];
  if ('task' in result) lines.push(...choiceLines(result.candidates), '');
  const slices = 'task' in result ? undefined : result.candidates.find((c) => c.chosen)?.slices;
  if (slices) lines.push(sliceTables(slices), '');
  const verdict = {
    deployed: 'deployed',
    unchanged: 'unchanged',
    registered: 'registered, not deployed',
    'awaiting-approval': 'waits for approval',
  };
  const name = `${result.model} v${result.version}`;
  const [first, ...rest] = wrap(`${name} ${verdict[outcome.kind]}: ${outcome.reason}`, terminalWidth() - 1);
  lines.push(first.replace(name, style.bold(name)), ...rest);
  if (performance) {
    const { requests, errors, p50Milliseconds, p99Milliseconds } = performance;
    lines.push(
      `tested: ${requests} requests, ${errors} errors, p50 ${p50Milliseconds.toFixed(1)} ms, p99 ${p99Milliseconds.toFixed(1)} ms`,
    );
  }
  for (const warning of result.warnings ?? []) lines.push(...bullet(style.yellow('!'), warning));
  lines.push('');
  if (places.workflowUrl) lines.push(`Web UI   ${places.workflowUrl}`);
  lines.push(`Table    ${result.table}`, `Report   ${result.report}`);
  if (places.curl) lines.push('', 'Try it:', places.curl);
  return lines.join('\n');
}
