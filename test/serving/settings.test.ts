import { expect, test } from 'vitest';
import { readSettings } from '../../serving/settings.ts';

test('an empty environment listens on loopback alone', () => {
  expect(readSettings({})).toMatchObject({ host: '127.0.0.1', port: 8443, logLevel: 'info', pollMilliseconds: 500 });
  expect(readSettings({ TRADEWIND_API_PORT: '' }).port).toBe(8443);
});

test.each([
  ['TRADEWIND_API_PORT', '84430', 'must be an integer in [0, 65535]. Got "84430".'],
  ['TRADEWIND_API_PORT', 'https', 'must be an integer in [0, 65535]. Got "https".'],
  ['TRADEWIND_API_THREADS', '0', 'must be an integer in [1, 64]. Got "0".'],
  ['TRADEWIND_LOG_LEVEL', 'loud', 'must be one of trace, debug'],
])('%s=%s is refused with a sentence', (name, value, sentence) => {
  expect(() => readSettings({ [name]: value })).toThrow(`The environment variable ${name} ${sentence}`);
});
