/** One real stack for all test files: Temporal, S3, a worker, the inference server, in a home of its own. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { startStack } from './support/stack.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** `TRADEWIND_HOME` of the shared stack. */
    stackHome: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await promisify(execFile)(process.execPath, ['scripts/build.ts']);
  const stack = await startStack();
  project.provide('stackHome', stack.home);
  return () => stack.stop();
}
