/** Every classifier and regressor with its parameter table. A new one is one entry here and one file in `models/`. */
import type { ParameterTable, ValuesOf } from './parameters.ts';
import type { TableTask } from './tables.ts';

const training = {
  learningRate: { kind: 'number', min: 1e-6, max: 10, default: 0.1, log: true, doc: 'Of Adam, decaying by a cosine.' },
  epochs: { kind: 'integer', min: 1, max: 10_000, default: 100, log: true, doc: 'Passes over the training rows.' },
  batchSize: { kind: 'integer', min: 1, max: 65_536, default: 64, log: true, doc: 'Rows of a gradient step.' },
} as const satisfies ParameterTable;

const l2 = {
  kind: 'number',
  min: 0,
  max: 1000,
  default: 1e-4,
  log: true,
  doc: 'λ in mean loss + λ/2 · ‖w‖², intercepts left out.',
} as const;

export const tableAlgorithms = {
  'logistic-regression': {
    title: 'Logistic regression',
    tasks: ['classify'],
    parameters: { l2, ...training },
  },
  'linear-regression': {
    title: 'Linear regression',
    tasks: ['regress'],
    parameters: { l2, ...training },
  },
  mlp: {
    title: 'Multilayer perceptron',
    tasks: ['classify'],
    parameters: {
      hidden: { kind: 'integer', min: 1, max: 4096, default: 64, log: true, doc: 'Units of each hidden layer.' },
      layers: { kind: 'integer', min: 1, max: 8, default: 1, doc: 'Hidden layers, with ReLU.' },
      dropout: { kind: 'number', min: 0, max: 0.9, default: 0, doc: 'Share of units left out in a training step.' },
      l2,
      ...training,
      learningRate: { ...training.learningRate, default: 0.005 },
      epochs: { ...training.epochs, default: 50 },
    },
  },
} as const satisfies Record<string, { title: string; tasks: readonly TableTask[]; parameters: ParameterTable }>;

export type TableAlgorithmName = keyof typeof tableAlgorithms;
export type TableParametersOf<A extends TableAlgorithmName> = ValuesOf<(typeof tableAlgorithms)[A]['parameters']>;
export const tableAlgorithmNames = Object.keys(tableAlgorithms) as TableAlgorithmName[];
