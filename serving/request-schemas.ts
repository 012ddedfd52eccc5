/** Checks requests and says what is wrong with them in one sentence. */
import type { z } from 'zod';
import { TradewindError } from '../contracts/errors.ts';

/**
 * @param place - of the value in the request, e.g. `query`, `body`
 * @throws TradewindError `REQUEST_INVALID` about the first thing that is wrong
 */
export function parseRequest<S extends z.ZodType>(schema: S, value: unknown, place: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new TradewindError('REQUEST_INVALID', {
    subject: issue.path.length === 0 ? `The ${place}` : `"${pathOf(issue.path)}" in the ${place}`,
    rule: ruleOf(issue),
    remedy: 'Correct it and send the request again.',
  });
}

function pathOf(path: PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`))
    .join('');
}

function ruleOf(issue: z.core.$ZodIssue): string {
  // A schema that knows better has its own words.
  if (issue.message.startsWith('must ')) return issue.message.slice('must '.length);
  switch (issue.code) {
    case 'unrecognized_keys':
      return `hold no other members than it knows: not ${issue.keys.map((key) => `"${key}"`).join(', ')}`;
    case 'invalid_type':
      return `be of the type ${issue.expected}`;
    case 'invalid_value':
      return `be one of ${issue.values.map((v) => JSON.stringify(v)).join(', ')}`;
    case 'too_big':
      return `be at most ${issue.maximum}${issue.origin === 'array' ? ' long' : issue.origin === 'string' ? ' characters' : ''}`;
    case 'too_small':
      return `be at least ${issue.minimum}${issue.origin === 'array' ? ' long' : issue.origin === 'string' ? ' characters' : ''}`;
    default:
      return `fit its schema (${issue.message})`;
  }
}
