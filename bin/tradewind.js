#!/usr/bin/env node
// Runs the command line on the Node 24 that the project pins, whichever Node >= 20 started this file.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const main = fileURLToPath(new URL('scripts/tradewind.ts', root));
if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(new URL('scripts/tradewind.ts', root).href);
} else {
  const node = fileURLToPath(new URL('node_modules/node/bin/node', root));
  if (!existsSync(node)) {
    console.error('tradewind must run on Node 24, which npm installs with the project. Run "npm ci" first.');
    process.exit(1);
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal ? 130 : (code ?? 1)));
}
