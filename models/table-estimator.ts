/** The estimator contract of classifiers and regressors: features and a target in, a fitted model out. */
import type { ArrayFile } from '../compute/arrays/safetensors.ts';
import type { Graph } from '../compute/graph/graph.ts';
import type { Tensor } from '../compute/graph/program.ts';
import type { TableAlgorithmName, TableParametersOf } from '../contracts/table-algorithms.ts';
import type { TableTask } from '../contracts/tables.ts';
import type { Features } from '../data/features.ts';
import type { Target } from '../data/table.ts';
import type { FitContext } from './estimator.ts';

export interface TableFitContext extends FitContext {
  /** Weight of each row, at least 0, mean 1; all the same when left out. */
  readonly weights?: Float32Array;
  /**
   * Rungs (epochs, rounds) at which a study looks at the model on its way, ascending. `report` gets what the model would
   * predict if it ended there; `false` ends the training, and the model is what it is then.
   */
  readonly rungs?: readonly number[];
  report?(rung: number, predict: (x: Features) => Promise<Float32Array>): Promise<boolean>;
}

export interface FittedTableModel {
  readonly algorithm: TableAlgorithmName;
  readonly task: TableTask;
  /** Width of a prediction: the number of classes, or 1. */
  readonly outputs: number;
  /** float32 `[rows × outputs]`: probabilities that sum to 1, or values. A row's does not depend on the other rows. */
  predict(x: Features): Promise<Float32Array>;
  /** Everything `load` needs: the same fit gives the same bytes. */
  state(): ArrayFile;
  /** From float32 `[batch, features]` to float32 `[batch, outputs]`: what `predict` gives, to 1e-5. */
  lower(graph: Graph, features: Tensor<'float32'>): Tensor<'float32'>;
  /** `[features]`, at least 0, sum 1 or all 0: how much decisions rest on each, as the algorithm's own measure has it. */
  importances?(): Float64Array;
  close(): Promise<void>;
}

export interface TableEstimator<A extends TableAlgorithmName> {
  readonly algorithm: A;
  /** @throws TradewindError `TRAINING_DIVERGED` */
  fit(x: Features, y: Target, parameters: TableParametersOf<A>, context: TableFitContext): Promise<FittedTableModel>;
  load(state: ArrayFile, context: { threads: number }): Promise<FittedTableModel>;
}
