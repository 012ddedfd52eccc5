import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    // onnxruntime and Temporal's core are native: a crash in one file must not take the others along.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ['default', ...(process.env['TRADEWIND_TEST_JSON'] ? ['json'] : [])],
    ...(process.env['TRADEWIND_TEST_JSON'] ? { outputFile: { json: process.env['TRADEWIND_TEST_JSON'] } } : {}),
  },
});
