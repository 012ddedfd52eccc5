/** Halts a lifecycle whose data breaks a rule, until somebody says what to do: for as long as that takes. */
import {
  ApplicationFailure,
  condition,
  defineQuery,
  defineUpdate,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { BlobRef } from '../contracts/artifacts.ts';
import type { BrokenData, CheckedData, DataDecision, DataDecisionStatus } from '../contracts/data-decision.ts';
import { count, type Board } from './board.ts';

/** Answered only while the lifecycle waits for it; refused once it has been decided. */
export const decideDataUpdate = defineUpdate<DataDecisionStatus, [DataDecision]>('decideData');
/** `null`: the data broke no rule so far. */
export const dataDecisionQuery = defineQuery<DataDecisionStatus | null>('dataDecision');

/** What a lifecycle goes on with: all of the data, or what is good of it. */
export interface PassedData {
  data: BlobRef;
  profile?: BlobRef;
  /** `YYYY-MM-DD`; absent, or empty, where no row has a time. */
  lastDay?: string;
}

export class DataGate {
  #status: DataDecisionStatus | null = null;

  /** Before anything is awaited, so that an update that comes early is refused in words. */
  constructor() {
    setHandler(dataDecisionQuery, () => this.#status);
    setHandler(
      decideDataUpdate,
      (decision) => {
        Object.assign(this.#status!, { state: 'decided', decision });
        return this.#status!;
      },
      { validator: (decision) => this.#check(decision) },
    );
  }

  /**
   * Goes on at once where no rule is broken; else waits for a decision, or ends the run, as the spec says.
   * @throws ApplicationFailure `VALIDATION_FAILED` where the run ends.
   */
  async check(
    board: Board,
    { dataset, data, onBrokenRules }: { dataset: string; data: BlobRef; onBrokenRules: 'wait' | 'abort' },
    { broken = [], report, profile, lastDay, quarantine }: CheckedData,
  ): Promise<PassedData> {
    const all = { data, ...(profile && { profile }), ...(lastDay !== undefined && { lastDay }) };
    if (broken.length === 0) return all;
    if (onBrokenRules === 'abort') {
      throw ApplicationFailure.nonRetryable(
        `The data ${dataset} breaks its rules. ${broken.join(' ')} If the data is right as it is, change the limit in the spec.`,
        'VALIDATION_FAILED',
      );
    }
    board.wait('validate', `waits: tradewind decide ${workflowInfo().workflowId}`, broken);
    const quarantined = quarantine && { rows: quarantine.rows, count: quarantine.count };
    const { decision, by } = await this.#decision({ dataset, broken, report, ...(quarantined && { quarantined }) });
    if (decision === 'release' || quarantine === undefined) {
      board.record('validate', `released by ${by}`);
      return all;
    }
    board.record('validate', `${count(quarantine.count)} rows dropped by ${by}`);
    const { good, profile: ofGood, lastDay: lastGood } = quarantine;
    return { data: good, profile: ofGood, ...(lastGood !== undefined && { lastDay: lastGood }) };
  }

  async #decision(found: BrokenData): Promise<DataDecision> {
    this.#status = { ...found, state: 'waiting' };
    await condition(() => this.#status?.state === 'decided');
    const decision = this.#status.decision!;
    if (decision.decision === 'abort') {
      const why = decision.reason === undefined ? '' : `: ${decision.reason}`;
      throw ApplicationFailure.nonRetryable(
        `The data ${found.dataset} was turned down by ${decision.by}${why}. It broke these rules: ${found.broken.join(' ')}`,
        'VALIDATION_FAILED',
      );
    }
    return decision;
  }

  #check({ decision }: DataDecision): void {
    const status = this.#status;
    if (status === null) throw refusal('Nothing waits for a decision: the data has broken no rule so far.');
    if (status.state === 'decided') {
      throw refusal(`This was decided already: "${status.decision!.decision}" by ${status.decision!.by}.`);
    }
    if (decision === 'drop' && status.quarantined === undefined) {
      throw refusal('The broken rules are about the data as a whole: there are no rows to drop. Release it, or abort.');
    }
  }
}

function refusal(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'USAGE');
}
