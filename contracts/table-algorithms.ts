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

const supportVectors = {
  c: { kind: 'number', min: 1e-5, max: 1e5, default: 1, log: true, doc: 'Cost of a row on the wrong side, C.' },
  classWeight: {
    kind: 'choice',
    choices: ['none', 'balanced'],
    default: 'none',
    doc: 'Whether a row of a rare class costs more: rows / (2 · rows of its side), for each class against the others.',
  },
  folds: {
    kind: 'integer',
    min: 2,
    max: 20,
    default: 5,
    doc: 'Parts of the training rows; a model of the others judges each, for the probabilities of classes.',
  },
} as const satisfies ParameterTable;

const epsilon = {
  kind: 'number',
  min: 0,
  max: 10,
  default: 0.1,
  doc: 'Of a regression: what may be missed at no cost, in deviations of the target.',
} as const;

const tolerance = { kind: 'number', min: 1e-8, max: 0.1, default: 1e-3, log: true } as const;

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
  'linear-svm': {
    title: 'Linear support vector machine',
    tasks: ['classify', 'regress'],
    parameters: {
      ...supportVectors,
      loss: {
        kind: 'choice',
        choices: ['squaredHinge', 'hinge'],
        default: 'squaredHinge',
        doc: 'What a row costs by how far it is on the wrong side, or outside of epsilon: the square, or as it is.',
      },
      epsilon: { ...epsilon, default: 0 },
      tolerance: {
        ...tolerance,
        default: 1e-4,
        doc: 'Solved where what the optimum asks for is broken by at most this part of how it is at the beginning.',
      },
      maxEpochs: {
        kind: 'integer',
        min: 1,
        max: 100_000,
        default: 1000,
        log: true,
        doc: 'Passes over the training rows, or Newton steps, that are taken at most.',
      },
    },
  },
  'kernel-svm': {
    title: 'Support vector machine with a kernel',
    tasks: ['classify', 'regress'],
    parameters: {
      ...supportVectors,
      kernel: {
        kind: 'choice',
        choices: ['rbf', 'polynomial'],
        default: 'rbf',
        doc: 'exp(−γ ‖u − v‖²), or (γ u · v + coef0)^degree.',
      },
      gamma: {
        kind: 'number',
        min: 0,
        max: 1e5,
        default: 0,
        log: true,
        doc: 'γ of the kernel; 0 stands for 1 / (features · variance of their values), scikit-learn\'s "scale".',
      },
      degree: { kind: 'integer', min: 1, max: 10, default: 3, doc: 'Of a polynomial.' },
      coef0: { kind: 'number', min: 0, max: 1000, default: 0, doc: 'Of a polynomial.' },
      epsilon,
      tolerance: {
        ...tolerance,
        doc: 'Solved where no two rows contradict the optimum by more, in units of the margin.',
      },
    },
  },
} as const satisfies Record<string, { title: string; tasks: readonly TableTask[]; parameters: ParameterTable }>;

export type TableAlgorithmName = keyof typeof tableAlgorithms;
export type TableParametersOf<A extends TableAlgorithmName> = ValuesOf<(typeof tableAlgorithms)[A]['parameters']>;
export const tableAlgorithmNames = Object.keys(tableAlgorithms) as TableAlgorithmName[];
