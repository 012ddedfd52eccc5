/**
 * Every error code of the product, registered once. `docs/errors.md` documents each; a test holds the two lists
 * together. `retryable: false` means that trying again with the same input cannot help.
 */
export const errorCodes = {
  SPEC_INVALID: { retryable: false, meaning: 'The pipeline spec breaks its schema.' },
  SOURCE_NOT_FOUND: { retryable: false, meaning: 'A data source names no readable file or object.' },
  SOURCE_UNREADABLE: { retryable: false, meaning: 'A data source exists but cannot be parsed in its format.' },
  SOURCE_UNAVAILABLE: {
    retryable: true,
    meaning: 'A remote data source cannot be reached, breaks off or answers with 5xx.',
  },
  SOURCE_EMPTY: { retryable: false, meaning: 'A data source holds no rows.' },
  COLUMN_MISSING: { retryable: false, meaning: 'A data source lacks a column that the spec names.' },
  COLUMN_TYPE: { retryable: false, meaning: 'A column cannot be read as the type that its role needs.' },
  TARGET_INVALID: {
    retryable: false,
    meaning: 'The column to be predicted has no values, or not what its task needs.',
  },
  VALIDATION_FAILED: { retryable: false, meaning: 'The data breaks a validation rule of the spec.' },
  SPLIT_EMPTY: { retryable: false, meaning: 'A part of the split holds no usable rows.' },
  PARAMETER_INVALID: { retryable: false, meaning: 'An algorithm parameter is outside its table.' },
  PREPARATION_FAILED: { retryable: false, meaning: 'A preparation cannot be fitted on the training rows.' },
  TRAINING_DIVERGED: { retryable: false, meaning: 'Training produced a value that is not finite.' },
  EXPORT_MISMATCH: { retryable: false, meaning: 'The exported graph disagrees with the trained model.' },
  STUDY_FAILED: {
    retryable: false,
    meaning: 'No trial of a study ended with a value, or too many in a row failed.',
  },
  ARTIFACT_CORRUPT: { retryable: false, meaning: 'An artifact does not have the digest that it is stored under.' },
  ARTIFACT_MISSING: { retryable: false, meaning: 'An artifact that a manifest names is not in the bucket.' },
  STORE_DENIED: { retryable: false, meaning: 'The artifact store refused the credentials or the access.' },
  STORE_BUCKET: { retryable: false, meaning: 'The artifact bucket does not exist.' },
  STORE_UNAVAILABLE: { retryable: true, meaning: 'The artifact store cannot be reached or answers with 5xx.' },
  MODEL_NOT_FOUND: { retryable: false, meaning: 'No model or version of that name is registered.' },
  COMPUTE_PROCESS_DIED: { retryable: true, meaning: 'A compute process ended in the middle of a task.' },
  COMPUTE_MEMORY_EXCEEDED: { retryable: false, meaning: 'A compute task needed more memory than its budget.' },
  COMPUTE_REFUSED: { retryable: false, meaning: 'The asked execution provider is not at hand.' },
  PAYLOAD_TOO_LARGE: { retryable: false, meaning: 'A payload above 64 KiB was about to pass through Temporal.' },
  DEPLOYMENT_FAILED: { retryable: false, meaning: 'The inference server did not take up the version.' },
  PERFORMANCE_TEST_FAILED: { retryable: false, meaning: 'The deployed version broke a latency or error gate.' },
  SERVER_UNAVAILABLE: { retryable: true, meaning: 'The inference server cannot be reached.' },
  STACK_FAILED: { retryable: false, meaning: 'A server of the local stack could not be started.' },
  PREREQUISITE_MISSING: { retryable: false, meaning: 'A tool that the product needs is not installed.' },
  USAGE: { retryable: false, meaning: 'A command was called in a way it does not understand.' },
  UNAUTHORIZED: { retryable: false, meaning: 'A request carries no valid API key.' },
  REQUEST_INVALID: { retryable: false, meaning: 'A request to the inference server breaks its schema.' },
  INTERNAL: { retryable: false, meaning: 'Something went wrong that Tradewind did not foresee: a defect.' },
} as const satisfies Record<string, { retryable: boolean; meaning: string }>;

export type ErrorCode = keyof typeof errorCodes;

export interface Complaint {
  /** What is wrong: a file, a column, a parameter, a model. */
  subject: string;
  /** The rule that it breaks, as a phrase that follows "must" or "should". */
  rule: string;
  /** What was found instead; shown as it is. */
  value?: string;
  /** What the reader can do about it: one sentence. */
  remedy: string;
}

/**
 * The one error type that leaves a room of the library. `message` is a whole sentence for people:
 * `<subject> must <rule>. Got <value>. <remedy>`.
 */
export class TradewindError extends Error {
  override readonly name = 'TradewindError';
  readonly code: ErrorCode;
  readonly complaint: Complaint;

  constructor(code: ErrorCode, complaint: Complaint, options?: { cause?: unknown }) {
    super(sentence(complaint), options);
    this.code = code;
    this.complaint = complaint;
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }
}

function sentence({ subject, rule, value, remedy }: Complaint): string {
  const got = value === undefined ? '' : ` Got ${value}${/[.!?]$/.test(value) ? '' : '.'}`;
  return `${subject} must ${rule}.${got} ${remedy}`;
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorCodes, value);
}
