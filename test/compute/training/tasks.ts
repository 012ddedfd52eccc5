/** A compute task that trains the tests' classifier, as an activity's task would. */
import { join } from 'node:path';
import { readArrays, writeArrays } from '../../../compute/arrays/safetensors.ts';
import type { TaskFunction } from '../../../compute/pool/task.ts';
import { train } from '../../../compute/training/train.ts';
import { classifier } from './networks.ts';

export interface ClassifierInput {
  /** Array file with `x` and `label`. */
  data: string;
  epochs: number;
  resume?: string;
  /** Batches are small and checkpoints frequent by default, to be interrupted between them. */
  undisturbed?: boolean;
}

/** Leaves the parameters as the array file `parameters` in its folder. */
export const trainClassifier: TaskFunction<ClassifierInput, { peak: number }> = async (input, context) => {
  const { arrays } = await readArrays(input.data);
  const rows = { x: arrays['x'].data as Float32Array, label: arrays['label'].data as BigInt64Array };
  const { parameters, memory } = await train(
    classifier(input.undisturbed ? 4096 : 32),
    { count: rows.label.length, rows },
    {
      epochs: input.epochs,
      seed: 7,
      threads: context.threads,
      ...(input.undisturbed ? {} : { checkpointMilliseconds: 0, runMilliseconds: 0 }),
      ...(input.resume === undefined ? {} : { resume: await readArrays(input.resume) }),
      progress: (fraction, note) => context.progress(fraction, note),
      async checkpoint(state, step) {
        const file = join(context.workDir, `checkpoint-${step}`);
        await writeArrays(file, state);
        await context.checkpoint(file, step);
      },
    },
  );
  const arraysOut = Object.fromEntries(
    Object.entries(parameters).map(([name, { data, shape }]) => [name, { data, shape: [...shape] }]),
  );
  await writeArrays(join(context.workDir, 'parameters'), { arrays: arraysOut, metadata: {} });
  return { peak: memory.peak };
};
