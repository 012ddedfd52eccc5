import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { commands, createProgram } from '../../scripts/program.ts';
import { projectRoot } from '../../scripts/stack/home.ts';
import { cleanEnvironment, type CommandResult } from '../support/stack.ts';

const home = mkdtempSync(join(tmpdir(), 'tradewind-program-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

function tradewind(args: string[], nodeArgs: string[] = []): Promise<CommandResult> {
  return new Promise((done) => {
    const entry = join(projectRoot, 'bin', 'tradewind.js');
    execFile(
      process.execPath,
      [...nodeArgs, entry, ...args],
      { env: cleanEnvironment(home) },
      (error, stdout, stderr) => done({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

test('an unknown command is one sentence with the nearest one, and exit code 2', async () => {
  const { code, stdout, stderr } = await tradewind(['statsu']);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toBe('[USAGE] Unknown command \'statsu\'. Did you mean "status"? See "tradewind --help".\n');
});

test('an unknown option with --json is one JSON object, and exit code 2', async () => {
  const { code, stdout, stderr } = await tradewind(['up', '--portt', '1', '--json']);
  expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    error: { code: 'USAGE', message: 'Unknown option \'--portt\'. See "tradewind up --help".' },
  });
});

test('a command that needs the stack says that it is not up, with an exit code of its own', async () => {
  const { code, stderr } = await tradewind(['schedules']);
  expect(code).toBe(3);
  expect(stderr).toMatch(/^\[STACK_FAILED\] The local stack must be up\. .* Run "tradewind up" first\.\n$/);
});

test('a port that is none is refused before anything starts', async () => {
  const { code, stderr } = await tradewind(['up', '--s3-port', '70700']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^\[USAGE\] TRADEWIND_S3_PORT must be a port .* Got "70700"\. .*--s3-port\.\n$/);
});

test.each(commands.map(({ name }) => name))('the help of %s shows examples', async (name) => {
  const program = await createProgram([name, '--help']);
  let text = '';
  program.commands
    .find((command) => command.name() === name)!
    .configureOutput({ writeOut: (part) => (text += part) })
    .outputHelp();
  expect(text).toContain('Examples:');
  expect(text).toContain(`tradewind ${name}`);
});

test('status loads neither Temporal’s SDK nor the AWS SDK', async () => {
  const list = `import { registerHooks } from 'node:module';
    registerHooks({ resolve(specifier, context, next) { process.stderr.write(specifier + '\\n'); return next(specifier, context); } });`;
  const { code, stderr } = await tradewind(
    ['status'],
    ['--import', `data:text/javascript,${encodeURIComponent(list)}`],
  );
  expect(code).toBe(3);
  expect(stderr).toContain('commander');
  expect(stderr).not.toMatch(/@temporalio|@aws-sdk|zod/);
});
