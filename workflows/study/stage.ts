/** The stage `tune` of a lifecycle: what its study starts from, the study as a child, and what the stage table says. */
import { executeChild, workflowInfo, WorkflowIdReusePolicy } from '@temporalio/workflow';
import { workflowIds } from '../../contracts/names.ts';
import type { AnySpec } from '../../contracts/specs.ts';
import type { EarlierStudies, EarlierStudiesRequest, StudyInput, StudyResult } from '../../contracts/study.ts';
import { doQuickly } from '../options.ts';
import { tuneModel } from '../tune-model.ts';
import { warmText } from './details.ts';

export interface TuneStage {
  study: StudyResult;
  /** Absent where the spec asks for no warm start. */
  earlier?: EarlierStudies;
}

/**
 * @param tuning - of the spec
 * @param input - of the study, but for what it starts warm from
 */
export async function runStudy(
  tuning: AnySpec['tuning'],
  objective: EarlierStudiesRequest['objective'],
  input: Omit<StudyInput, 'warmStart'>,
): Promise<TuneStage> {
  const { model, direction = 'maximize' } = input;
  const { warmStart } = tuning;
  // Histories of before have none.
  const earlier =
    warmStart === undefined || warmStart === 'none'
      ? undefined
      : await doQuickly('findEarlierStudies', 'whose trials the study knows from the start', {
          model,
          warmStart,
          objective,
          direction,
        });
  const tables = earlier?.studies.map(({ table }) => table) ?? [];
  const study = await executeChild(tuneModel, {
    workflowId: workflowIds.study(workflowInfo().workflowId),
    args: [{ ...input, ...(tables.length > 0 && { warmStart: tables }) }],
    staticSummary: `${model}: ${tuning.trials} trials for ${objective.metric}`,
    // Two lifecycles never share an id, so a study of this id can only be this run's own.
    workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
  });
  return { study, ...(earlier && { earlier }) };
}

/** How the study ended before its trials were used up, and what it began with. Empty, or with `; ` in front. */
export function stageNote({ study, earlier }: TuneStage): string {
  const ended = { trials: '', failures: '', time: 'out of time', patience: 'no progress', stop: 'stopped' };
  return [ended[study.endedBy], begun(study, earlier)].flatMap((part) => (part === '' ? [] : [`; ${part}`])).join('');
}

function begun({ warm }: StudyResult, earlier: EarlierStudies | undefined): string {
  if (earlier === undefined) return '';
  const { studies, reason } = earlier;
  if (warm === undefined) return `cold: ${reason}`;
  const of = studies.length === 1 ? studies[0].workflowId : `${studies.length} studies`;
  return warm.known > 0
    ? `warm from ${warmText(warm)} of ${of}`
    : `cold: none of the ${warm.unfit} trials of ${of} fits what is searched`;
}
