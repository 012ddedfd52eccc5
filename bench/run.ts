/** `npm run bench -- <suite>` */
import { runBench } from './program.ts';

process.exitCode = await runBench(process.argv.slice(2));
