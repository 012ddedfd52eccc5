/**
 * What a run shows while it runs: a stage table in Markdown as the workflow's current details, and the same as a
 * query's answer. The terminal draws the query's answer, the Web UI the Markdown.
 */
import { setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { CandidateResult, LifecycleProgress, Links, StageReport, StageTiming } from '../contracts/lifecycle.ts';
import { settingsOf, titleOf } from '../contracts/algorithm-titles.ts';
import { workflowIds, type Stage } from '../contracts/names.ts';
import { preparationLines } from '../contracts/preparation-titles.ts';
import type { ShownSlices } from '../contracts/recommender-slices.ts';
import type { TableCandidateResult } from '../contracts/table-lifecycle.ts';
import { markStage } from './attributes.ts';

// Plain symbols: every font has them, a browser without emoji fonts too.
const icons: Record<StageReport['state'], string> = {
  waiting: '·',
  running: '…',
  done: '✓',
  skipped: '–',
  failed: '✗',
};

export class Board {
  readonly progress: LifecycleProgress;
  readonly #links: Links | undefined;
  readonly #objective: string;

  constructor(
    subject: { model: string; dataset: string; seed: number },
    objective: string,
    stages: readonly Stage[],
    links: Links | undefined,
  ) {
    this.progress = {
      ...subject,
      objective,
      stages: stages.map((stage) => ({ stage, state: 'waiting' })),
      trials: { total: 0, done: 0, failed: 0, latest: [] },
      candidates: [],
      warnings: [],
    };
    this.#objective = objective;
    this.#links = links;
    this.#show();
  }

  /** Runs one stage: the table tells when it began, how it ended, how long it took, and what it found. */
  async during<T>(stage: Stage, work: () => Promise<T>, note: (result: T) => string): Promise<T> {
    const report = this.#report(stage);
    const started = Date.now();
    report.state = 'running';
    report.startedAt = new Date(started).toISOString();
    markStage(stage);
    this.#show();
    try {
      const result = await work();
      report.state = 'done';
      report.milliseconds = Date.now() - started;
      report.note = note(result);
      const cached = cachedOf(result);
      if (cached !== undefined) report.cached = cached;
      return result;
    } catch (error) {
      report.state = 'failed';
      report.milliseconds = Date.now() - started;
      throw error;
    } finally {
      this.#show();
    }
  }

  /** A stage that ran inside another one: its time is known from its result. */
  record(stage: Stage, note: string, milliseconds?: number): void {
    Object.assign(this.#report(stage), { state: 'done', note, ...(milliseconds !== undefined && { milliseconds }) });
    delete this.progress.waitsFor;
    markStage(stage);
    this.#show();
  }

  skip(stage: Stage, note: string): void {
    Object.assign(this.#report(stage), { state: 'skipped', note });
    this.#show();
  }

  note(stage: Stage, note: string): void {
    this.#report(stage).note = note;
    this.#show();
  }

  /** @param trials - the study's own progress, as its child workflow signals it */
  trials(trials: LifecycleProgress['trials']): void {
    this.progress.trials = trials;
    const { done, failed, total, best } = trials;
    const found = best?.value === undefined ? '' : `, best ${best.value.toFixed(4)} by ${titleOf(best.algorithm)}`;
    this.note('tune', `${done + failed} of ${total} trials${found}`);
  }

  warnings(warnings: string[]): void {
    this.progress.warnings = warnings;
    this.#show();
  }

  candidates(candidates: CandidateResult[]): void {
    this.progress.candidates = candidates;
    this.#show();
  }

  tableCandidates(candidates: TableCandidateResult[]): void {
    this.progress.tableCandidates = candidates;
    this.#show();
  }

  /** A stage that goes on only when somebody decides. */
  wait(stage: Stage, note: string, reasons: readonly string[]): void {
    Object.assign(this.#report(stage), { state: 'running', note });
    this.progress.waitsFor = [...reasons];
    this.#show();
  }

  outcome(outcome: NonNullable<LifecycleProgress['outcome']>): void {
    this.progress.outcome = outcome;
    this.progress.version = outcome.version;
    this.#show();
  }

  #report(stage: Stage): StageReport {
    return this.progress.stages.find((report) => report.stage === stage)!;
  }

  #show(): void {
    setCurrentDetails(withFoot(this.markdown(unbroken)));
  }

  /** @param whole - what is done to a cell that must stay on one line: nothing in a file, where lines do not break */
  markdown(whole: (cell: string) => string = (cell) => cell): string {
    const {
      model,
      dataset,
      seed,
      stages: reports,
      candidates,
      tableCandidates,
      waitsFor,
      warnings,
      outcome,
    } = this.progress;
    const lines = [`**${model}** on \`${dataset}\`, seed ${seed}`, '', '| stage | | time | |', '|---|---|--:|---|'];
    for (const { stage, state, milliseconds, cached, note } of reports) {
      const time = milliseconds === undefined ? '' : cached ? 'cached' : duration(milliseconds);
      lines.push(`| ${whole(stage)} | ${icons[state]} | ${whole(time)} | ${escape(note ?? '')} |`);
    }
    if (candidates.length > 0) {
      lines.push('', `| | candidate | tuning ${this.#objective} | discovery | repeat |`, '|---|---|--:|--:|--:|');
      for (const c of candidates) lines.push(candidateRow(c, this.#objective));
      const slices = candidates.find((c) => c.chosen)?.slices;
      if (slices) lines.push('', ...sliceTables(slices));
    }
    if (tableCandidates) lines.push('', ...tableCandidateTable(tableCandidates, this.#objective, whole));
    if (waitsFor) {
      lines.push('', '**Waits for a decision** about its data:', '', ...waitsFor.map((text) => `- ${escape(text)}`));
      // The stage's own note has the command that takes them.
      lines.push('', '- `--release` goes on with all rows', '- `--drop` goes on without those that break a rule');
      lines.push('- `--abort` ends the run');
    }
    if (outcome) lines.push('', `**${outcomeTitle(outcome.kind)}**: ${escape(outcome.reason)}`);
    if (warnings.length > 0)
      lines.push('', 'Worth a look in the data:', '', ...warnings.map((text) => `- ${escape(text)}`));
    const links = this.#linkLine();
    if (links) lines.push('', links);
    return lines.join('\n');
  }

  #linkLine(): string | undefined {
    const { webUi, namespace, api } = this.#links ?? {};
    const { model, stages } = this.progress;
    const parts: string[] = [];
    if (webUi && namespace) {
      const workflows = `${webUi}/namespaces/${namespace}/workflows`;
      const study = encodeURIComponent(workflowIds.study(workflowInfo().workflowId));
      const tuned = stages.some(({ stage, state }) => stage === 'tune' && state !== 'waiting' && state !== 'skipped');
      if (tuned) parts.push(`[all trials](${workflows}/${study})`);
      parts.push(`[all runs of ${model}](${workflows}?query=${encodeURIComponent(`TradewindModel = "${model}"`)})`);
    }
    // What has no stage for it is not served.
    if (api && stages.some(({ stage }) => stage === 'serve')) parts.push(`API: ${api}/v1/recommendations/{user}`);
    return parts.length > 0 ? parts.join(' · ') : undefined;
  }
}

function candidateRow(c: CandidateResult, objective: string): string {
  const of = (lane: 'discovery' | 'repeat') => number(c.evaluation?.[lane].metrics[objective]);
  const name = `${titleOf(c.algorithm)}${settings(c)}`;
  return `| ${c.chosen ? '★' : ''} | ${name} | ${number(c.validation)} | ${of('discovery')} | ${of('repeat')} |`;
}

/** For whom the chosen one does well, and with which items. */
function sliceTables({ lane, k, metric, smallest, users, items }: ShownSlices): string[] {
  return [
    `★ in ${lane}, by what users had before:`,
    '',
    `| history | users | ${metric} | 95 % interval |`,
    '|---|--:|--:|--:|',
    ...users.map(
      ({ label, users: n, value, interval }) =>
        `| ${label} | ${count(n)} | ${value === null ? (n === 0 ? '' : `below ${smallest} users`) : value.toFixed(4)} | ${interval ? interval.map((x) => x.toFixed(4)).join(' – ') : ''} |`,
    ),
    '',
    'and by how many users have an item (thirds of all that users had):',
    '',
    `| popularity | items | to be found | recall@${k} | share of the lists |`,
    '|---|--:|--:|--:|--:|',
    ...items.map(
      ({ label, items: n, relevant, recall, shown }) =>
        `| ${label} | ${count(n)} | ${count(relevant)} | ${recall?.toFixed(4) ?? ''} | ${shown === null ? '' : `${(100 * shown).toFixed(1)} %`} |`,
    ),
  ];
}

/** Trials are judged on the folds where there are some, so that tuning and folds are one column. */
function tableCandidateTable(
  candidates: readonly TableCandidateResult[],
  objective: string,
  whole: (cell: string) => string,
): string[] {
  const judged = candidates.some((c) => c.folds) ? 'folds' : 'tuning';
  return [
    `| | candidate | ${objective}, ${judged} | test | ${whole('95 % interval')} |`,
    '|---|---|--:|--:|--:|',
    ...candidates.map((c) => {
      const { folds, test, features } = c;
      const error = folds?.standardError === undefined ? '' : ` ± ${number(folds.standardError)}`;
      const name = `${titleOf(c.algorithm)}${features === undefined ? '' : `, ${count(features)} features`}`;
      const prepared = preparationLines(c.preparation).map((line) => `<br/>${escape(line)}`);
      const cells = [
        c.chosen ? '★' : '',
        `${name}${settings(c)}${prepared.join('')}`,
        whole(`${number(folds?.mean ?? c.validation)}${error}`),
        number(test?.value ?? undefined),
        whole(test?.interval?.map(number).join('–') ?? ''),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  ];
}

/** On a line of its own. */
function settings({ algorithm, parameters }: Pick<CandidateResult, 'parameters'> & { algorithm: string }): string {
  const text = settingsOf(algorithm, parameters);
  return text === '' ? '' : `<br/>\`${text}\``;
}

function number(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(4);
}

function outcomeTitle(kind: NonNullable<LifecycleProgress['outcome']>['kind']): string {
  return {
    deployed: 'Deployed',
    unchanged: 'Unchanged',
    registered: 'Registered only',
    'awaiting-approval': 'Waits for approval',
  }[kind];
}

export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1000)} s`;
}

/** `1,469,307` */
export function count(n: number): string {
  return String(n).replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** Markdown as the Web UI shows it: its frame cuts off the last line, which is an empty one here. */
export function withFoot(markdown: string): string {
  return `${markdown}\n\n\u00a0`;
}

/** A browser breaks no line within it: a narrow column has its number on one line. */
function unbroken(text: string): string {
  return text.replaceAll(' ', '\u00a0').replaceAll('-', '\u2011').replaceAll('–', '\u2060–\u2060');
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function cachedOf(result: unknown): boolean | undefined {
  if (Array.isArray(result)) {
    const parts = result.map(cachedOf).filter((c) => c !== undefined);
    return parts.length > 0 ? parts.every(Boolean) : undefined;
  }
  return typeof result === 'object' && result !== null && 'cached' in result
    ? (result as StageTiming).cached
    : undefined;
}
