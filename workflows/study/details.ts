/** What the Web UI shows of a study: its state, the best trial and the last ones. */
import type { StudyStatus, TrialReport, WarmTrials } from '../../contracts/study.ts';
import { describe } from './trial.ts';

const shown = 10;

export function studyDetails(status: StudyStatus): string {
  const { model, metric, state, endedBy, counts, planned, best, waiting, warm } = status;
  const { started, running, pruned, failed, stopped } = counts;
  const parts = [
    `${started - running} of ${planned} trials ended`,
    ...(pruned > 0 ? [`${pruned} pruned`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(stopped > 0 ? [`${stopped} cut off`] : []),
    ...(waiting.length > 0 ? [`${waiting.length} asked for wait`] : []),
  ];
  const lines = [`**${model}**: ${parts.join(', ')}; ${state}${endedBy === undefined ? '' : ` (${endedBy})`}`];
  if (warm) lines.push('', `Started with ${warmText(warm)} of earlier studies.`);
  if (best) lines.push('', `Best ${metric}: **${number(best.value)}**, trial ${best.index + 1}: \`${what(best)}\``);
  lines.push('', `| trial | | ${metric} | |`, '|--:|---|--:|---|');
  for (const trial of status.tail.slice(-shown).toReversed()) {
    const mark = trial.enqueued ? `${trial.state}, asked for` : trial.state;
    lines.push(`| ${trial.index + 1} | ${mark} | ${number(trial.value)} | \`${what(trial)}\` |`);
  }
  return lines.join('\n');
}

/** `18 of 20 trials`: those that fit, of all that the tables hold for candidates that search something. */
export function warmText({ known, unfit }: WarmTrials): string {
  return `${known}${unfit > 0 ? ` of ${known + unfit}` : ''} trials`;
}

function what({ algorithm, parameters }: TrialReport): string {
  return `${algorithm} ${describe(parameters)}`.replaceAll('|', '\\|');
}

function number(value: number | undefined): string {
  return value === undefined ? '' : String(Number(value.toPrecision(6)));
}
