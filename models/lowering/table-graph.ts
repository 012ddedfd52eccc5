/**
 * A classifier's or regressor's graph: raw columns in, prediction out. Inputs are one `[batch]` a column, named and typed
 * as `contracts/tables.ts` says; the outputs' names never change.
 */
import { Graph } from '../../compute/graph/graph.ts';
import { encodeModel } from '../../compute/onnx/model.ts';
import { tableTensors } from '../../contracts/tables.ts';
import type { FittedPreparation } from '../../data/preparation/transformer.ts';
import type { FittedTableModel } from '../table-estimator.ts';

/**
 * @param classes - of a classifier, in the order of its outputs.
 * @returns bytes of the ONNX model; the same for the same arguments.
 */
export function tableGraph(
  preparation: Pick<FittedPreparation, 'lower'>,
  model: Pick<FittedTableModel, 'lower' | 'outputs' | 'task'>,
  classes: readonly string[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const g = new Graph();
  const predictions = model.lower(g, preparation.lower(g));
  if (model.task === 'classify') {
    if (classes.length !== model.outputs) {
      throw new RangeError(`A model of ${model.outputs} outputs needs as many classes. Got ${classes.length}.`);
    }
    // The first of the most likely ones.
    const best = g.argMax(predictions, 1);
    g.output(tableTensors.label, g.gather(g.constant('string', [...classes], [classes.length], 'classes'), best));
    g.output(tableTensors.probabilities, predictions);
  } else {
    g.output(tableTensors.prediction, g.squeeze(predictions, [1]));
  }
  return encodeModel(g.toModel({ metadata, name: model.task === 'classify' ? 'classifier' : 'regressor' }));
}
