/**
 * `probe-process.ts list`, or `probe-process.ts <provider> <gpu>`: one line of JSON as the last of standard output. A
 * process of its own, as a driver may crash it or hang in it. Started by `probe.ts` only.
 */
import * as ort from 'onnxruntime-node';
import type { Provider } from '../../contracts/execution.ts';
import { listedProviders, proveProvider } from './native-provider.ts';

// What onnxruntime throws names no library; what it logs does, and the parent reads it.
ort.env.logLevel = 'error';

async function answer([what, gpu]: string[]): Promise<object> {
  if (what === 'list') return { listed: listedProviders() };
  try {
    await proveProvider({ provider: what as Provider, gpu: Number(gpu) });
    return { usable: true };
  } catch (error) {
    return { usable: false, message: error instanceof Error ? error.message : String(error) };
  }
}

const line = `\n${JSON.stringify(await answer(process.argv.slice(2)))}\n`;
// At once: a driver's threads and clean-up are of no interest any more, and some crash in it.
process.stdout.write(line, () => process.exit(0));
