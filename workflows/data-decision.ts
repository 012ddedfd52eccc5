/** Halts a lifecycle whose data breaks a rule, until somebody says what to do: for as long as that takes. */
import { ApplicationFailure, condition, defineQuery, defineUpdate, setHandler } from '@temporalio/workflow';
import type { BrokenData, DataDecision, DataDecisionStatus } from '../contracts/data-decision.ts';

/** Answered only while the lifecycle waits for it; refused once it has been decided. */
export const decideDataUpdate = defineUpdate<DataDecisionStatus, [DataDecision]>('decideData');
/** `null`: the data broke no rule so far. */
export const dataDecisionQuery = defineQuery<DataDecisionStatus | null>('dataDecision');

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

  /** @throws ApplicationFailure `VALIDATION_FAILED` when somebody ends the run. */
  async pass(found: BrokenData): Promise<DataDecision> {
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
