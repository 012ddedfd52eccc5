/** What the server answers when it cannot do what was asked: HTTP statuses for the product's errors. */
import { TradewindError, type Complaint, type ErrorCode } from '../contracts/errors.ts';

/**
 * A refusal with a status of its own. 400 is for a request that breaks its schema; 422 for one that keeps it, but that
 * the model at hand cannot carry out.
 */
export class Refusal extends TradewindError {
  readonly status: number;

  constructor(status: number, code: ErrorCode, complaint: Complaint, options?: { cause?: unknown }) {
    super(code, complaint, options);
    this.status = status;
  }
}

const statuses: Partial<Record<ErrorCode, number>> = {
  UNAUTHORIZED: 401,
  REQUEST_INVALID: 400,
  MODEL_NOT_FOUND: 404,
  SERVER_UNAVAILABLE: 503,
  STORE_UNAVAILABLE: 503,
  STORE_DENIED: 503,
  STORE_BUCKET: 503,
};

export interface ErrorAnswer {
  status: number;
  code: ErrorCode;
  message: string;
}

/** What a client may know of an error: never a stack, never an internal message. */
export function answerFor(error: unknown, requestId: string): ErrorAnswer {
  if (error instanceof Refusal) return { status: error.status, code: error.code, message: error.message };
  if (error instanceof TradewindError) {
    return { status: statuses[error.code] ?? 500, code: error.code, message: error.message };
  }
  const { statusCode, code } = error as { statusCode?: number; code?: string };
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, code: 'REQUEST_INVALID', message: frameworkSentence(code, statusCode) };
  }
  return {
    status: 500,
    code: 'INTERNAL',
    message: `The inference server must answer every valid request. It failed at this one, for a reason that its log tells under request id ${requestId}. Try again; if it fails again, report it with the log.`,
  };
}

function frameworkSentence(code: string | undefined, status: number): string {
  if (status === 413) return 'The body must be smaller: it is above the limit of this address. Send fewer items.';
  if (status === 415) return 'The body must be JSON. Send it with "content-type: application/json".';
  if (code === 'FST_ERR_CTP_EMPTY_JSON_BODY') return 'The body must be JSON. It is empty.';
  if (status === 400)
    return 'The request must be well-formed: its address or its JSON body cannot be read. Correct it.';
  return 'The request must be one that HTTP/1.1 and this server understand.';
}
