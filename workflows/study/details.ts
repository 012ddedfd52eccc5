/** What the Web UI shows of a study: its state, the best trial and the last ones. */
import { settingsOf, titleOf } from '../../contracts/algorithm-titles.ts';
import type { StudyStatus, TrialReport, WarmTrials } from '../../contracts/study.ts';

const states = { running: 'runs', paused: 'is paused', ending: 'is ending', ended: 'has ended' };
const endings = {
  trials: '',
  time: ' (out of time)',
  patience: ' (no progress)',
  failures: ' (too many failures in a row)',
  stop: ' (stopped)',
};

/** @param latest - the last trials, oldest first */
export function studyDetails(status: StudyStatus, latest: readonly TrialReport[]): string {
  const { model, metric, state, endedBy, counts, planned, best, waiting, warm } = status;
  const { started, running, pruned, failed, stopped } = counts;
  const parts = [
    `${started - running} of ${planned} trials`,
    ...(pruned > 0 ? [`${pruned} pruned`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(stopped > 0 ? [`${stopped} cut off`] : []),
    ...(waiting.length > 0 ? [`${waiting.length} asked for wait`] : []),
  ];
  const lines = [`The study of **${model}** ${states[state]}${endedBy ? endings[endedBy] : ''}: ${parts.join(', ')}.`];
  if (warm) lines.push('', `Started with ${warmText(warm)} of earlier studies.`);
  if (best) lines.push('', `Best ${metric}: **${number(best.value)}**, trial ${best.index + 1}: ${what(best)}`);
  if (latest.length === 0) return lines.join('\n');
  lines.push('', `| | trial | | ${metric} | |`, '|---|--:|---|--:|---|');
  for (const trial of latest.toReversed()) {
    const star = trial.index === best?.index ? '★' : '';
    const mark = trial.enqueued ? `${trial.state}, asked for` : trial.state;
    lines.push(`| ${star} | ${trial.index + 1} | ${mark} | ${number(trial.value)} | ${what(trial)} |`);
  }
  const failure = latest.findLast(({ error }) => error !== undefined);
  if (failure) lines.push('', `Trial ${failure.index + 1} failed: ${failure.error!.replaceAll('\n', ' ')}`);
  return lines.join('\n');
}

/** `18 of 20 trials`: those that fit, of all that the tables hold for candidates that search something. */
export function warmText({ known, unfit }: WarmTrials): string {
  return `${known}${unfit > 0 ? ` of ${known + unfit}` : ''} trials`;
}

function what({ algorithm, parameters }: TrialReport): string {
  const settings = settingsOf(algorithm, parameters).replaceAll('|', '\\|');
  return `${titleOf(algorithm)}${settings === '' ? '' : ` \`${settings}\``}`;
}

/** Five digits, all of them, so that values stand below each other. */
function number(value: number | undefined): string {
  return value === undefined ? '' : Math.abs(value) < 1e5 ? value.toPrecision(5) : value.toFixed(0);
}
