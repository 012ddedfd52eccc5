/** `npm run demo`: the shipped pipeline from nothing to an API that answers. Leaves the stack up. */
import { runProgram } from './program.ts';
import { facts } from './terminal.ts';

const pipeline = 'pipelines/grocery-discovery.yaml';

for (const args of [['up'], ['run', pipeline, '--wait']]) {
  const code = await runProgram(args);
  if (code !== 0) process.exit(code);
}
console.log(
  `\n${facts([
    ['npx tradewind recommend 1 -k 5', 'ask the model'],
    ['npx tradewind status', 'what is running'],
    ['npx tradewind down', 'stop it all; --purge also deletes its state'],
  ])}`,
);
