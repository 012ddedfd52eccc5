/** Help that shows examples. */
import type { Command } from 'commander';
import { style } from './terminal.ts';

/**
 * Adds examples below a command's options.
 * @param examples - command line, what it does
 */
export function addExamples(command: Command, examples: readonly (readonly [line: string, does: string])[]): Command {
  return command.addHelpText('after', () => {
    const lines = examples.map(([line, does]) => `  ${style.dim('$')} ${line}\n      ${style.dim(does)}`);
    return `\n${style.bold('Examples:')}\n${lines.join('\n')}`;
  });
}
