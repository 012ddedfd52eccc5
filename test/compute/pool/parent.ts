/** A parent that the tests kill: it prints the process ids of its pool while one process is held in native code. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createComputePool } from '../../../compute/pool/pool.ts';

const workDir = process.argv[2];
const pool = createComputePool({ cores: 2 });
const module = new URL('./tasks.ts', import.meta.url).href;
const task = (name: string) => ({ module, name, input: null, threads: 1, label: name });
void pool.run(task('spin'), { workDir });
await pool.run(task('identify'), { workDir });
while (!existsSync(join(workDir, 'spinning'))) await sleep(5);
console.log(JSON.stringify(pool.pids));
