/** Every classifier and regressor with its parameter table. A new one is one entry here and one file in `models/`. */
import type { ParameterTable, ValuesOf } from './parameters.ts';
import type { TableTask } from './tables.ts';

/** What features may be that are no numbers, or not there; see `SpecialFeatures`. */
export type SpecialKind = 'missing' | 'categories';

interface TableAlgorithm {
  readonly title: string;
  readonly tasks: readonly TableTask[];
  readonly parameters: ParameterTable;
  /** What it can learn from besides numbers that are there; nothing when left out. */
  readonly takes?: readonly SpecialKind[];
  /** The same model to the byte on any number of threads, so that it may be trained on all. */
  readonly anyThreads?: true;
}

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

/** 0 stands for "no limit" where nothing else is said. */
const trees = {
  maxDepth: { kind: 'integer', min: 0, max: 64, default: 0, doc: 'Tests from the root to a leaf; 0: no limit.' },
  minRows: { kind: 'integer', min: 1, max: 1_000_000, default: 1, log: true, doc: 'Training rows of a leaf.' },
  maxBins: {
    kind: 'integer',
    min: 2,
    max: 65_535,
    default: 255,
    log: true,
    doc: 'Bins of a feature, between which trees split; of a feature with no more distinct values, each has its own.',
  },
} as const satisfies ParameterTable;

const impurity = {
  criterion: {
    kind: 'choice',
    choices: ['gini', 'entropy'],
    default: 'gini',
    doc: 'What a split of classes lowers; of numbers it is the squared error.',
  },
  minRowsToSplit: {
    kind: 'integer',
    min: 2,
    max: 1_000_000,
    default: 2,
    log: true,
    doc: 'Training rows of a node that is split.',
  },
  maxLeaves: { kind: 'integer', min: 0, max: 1_000_000, default: 0, log: true, doc: 'Of a tree; 0: no limit.' },
  classWeight: {
    kind: 'choice',
    choices: ['none', 'balanced'],
    default: 'none',
    doc: 'Whether a row of a rare class weighs more: rows / (classes · rows of its class).',
  },
} as const satisfies ParameterTable;

/** Of networks. */
const network = {
  norm: {
    kind: 'choice',
    choices: ['none', 'batch', 'layer'],
    default: 'none',
    doc: "What is normalised before a rectifier: each unit over the batch's rows, or each row over its units.",
  },
  dropout: { kind: 'number', min: 0, max: 0.9, default: 0, doc: 'Share of units left out in a training step.' },
  classWeight: {
    kind: 'choice',
    choices: ['none', 'balanced'],
    default: 'none',
    doc: 'Whether a row of a rare class weighs more: rows / (classes · rows of its class).',
  },
  earlyStoppingRounds: {
    kind: 'integer',
    min: 0,
    max: 10_000,
    default: 0,
    log: true,
    doc: 'Training ends after so many epochs that do not better the loss on rows set apart, and is what it was after the best; 0: it does not.',
  },
  validationShare: {
    kind: 'number',
    min: 0.01,
    max: 0.5,
    default: 0.1,
    doc: 'Share of the training rows that is set apart for it.',
  },
} as const satisfies ParameterTable;

/** Of counts. */
const alpha = {
  kind: 'number',
  min: 1e-10,
  max: 1e6,
  default: 1,
  log: true,
  doc: 'What is added to the count of each feature in each class (Lidstone; 1 is Laplace).',
} as const;

const share = { kind: 'number', min: 0.01, max: 1, default: 1 } as const;

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
    tasks: ['classify', 'regress'],
    parameters: {
      hidden: { kind: 'integer', min: 1, max: 4096, default: 64, log: true, doc: 'Units of each hidden layer.' },
      layers: { kind: 'integer', min: 1, max: 8, default: 1, doc: 'Hidden layers, with ReLU.' },
      ...network,
      l2,
      ...training,
      learningRate: { ...training.learningRate, default: 0.005 },
      epochs: { ...training.epochs, default: 50 },
    },
  },
  cnn: {
    title: 'Convolutional network',
    tasks: ['classify', 'regress'],
    parameters: {
      imageHeight: {
        kind: 'integer',
        min: 0,
        max: 1024,
        default: 0,
        log: true,
        doc: 'Rows of pixels. Features are pixels row by row from the top; 0: as many as there are columns.',
      },
      imageWidth: {
        kind: 'integer',
        min: 0,
        max: 1024,
        default: 0,
        log: true,
        doc: 'Columns of pixels; 0: as many as there are rows.',
      },
      channels: { kind: 'integer', min: 1, max: 64, default: 1, doc: 'Features of a pixel, side by side.' },
      blocks: {
        kind: 'integer',
        min: 1,
        max: 6,
        default: 2,
        doc: 'Of a convolution of 3 × 3, a pool of 2 × 2 and ReLU.',
      },
      filters: {
        kind: 'integer',
        min: 1,
        max: 512,
        default: 16,
        log: true,
        doc: 'Channels that the first block makes; each makes twice those of the one before.',
      },
      hidden: {
        kind: 'integer',
        min: 0,
        max: 4096,
        default: 64,
        log: true,
        doc: 'Units of the layer after the blocks; 0: none.',
      },
      maxShift: {
        kind: 'integer',
        min: 0,
        max: 16,
        default: 0,
        doc: 'Pixels by which an image is moved at most in a training step, up or down, left or right.',
      },
      ...network,
      norm: { ...network.norm, default: 'batch' },
      dropout: {
        ...network.dropout,
        doc: 'Share of what goes into a layer after the blocks that a training step leaves out.',
      },
      l2,
      ...training,
      learningRate: { ...training.learningRate, default: 0.003 },
      epochs: { ...training.epochs, default: 15 },
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
  'decision-tree': {
    title: 'Decision tree',
    tasks: ['classify', 'regress'],
    takes: ['missing', 'categories'],
    anyThreads: true,
    parameters: {
      ...impurity,
      ...trees,
      ccpAlpha: {
        kind: 'number',
        min: 0,
        max: 1e12,
        default: 0,
        log: true,
        doc: "What a leaf costs, in the criterion's unit, by which the tree is pruned (minimal cost-complexity).",
      },
    },
  },
  'random-forest': {
    title: 'Random forest',
    tasks: ['classify', 'regress'],
    takes: ['missing', 'categories'],
    anyThreads: true,
    parameters: {
      trees: { kind: 'integer', min: 1, max: 10_000, default: 100, log: true, doc: 'Trees of the forest.' },
      ...impurity,
      ...trees,
      maxFeatures: {
        kind: 'choice',
        choices: ['auto', 'sqrt', 'third', 'all', 'share'],
        default: 'auto',
        doc: 'Features that a split draws to choose from; auto: their square root for classes, a third for numbers.',
      },
      featureShare: {
        ...share,
        default: 0.5,
        doc: 'Of the features that a split draws, where maxFeatures is "share".',
      },
      bootstrap: {
        kind: 'choice',
        choices: ['yes', 'no'],
        default: 'yes',
        doc: "Whether a tree's rows are drawn with repetition.",
      },
      rowShare: { ...share, doc: 'As many rows as this share of all are drawn for a tree.' },
    },
  },
  'boosted-trees': {
    title: 'Gradient-boosted trees',
    tasks: ['classify', 'regress'],
    takes: ['missing', 'categories'],
    anyThreads: true,
    parameters: {
      rounds: {
        kind: 'integer',
        min: 1,
        max: 10_000,
        default: 100,
        log: true,
        doc: 'Trees one after the other; of more than two classes, a tree each.',
      },
      learningRate: { kind: 'number', min: 1e-4, max: 1, default: 0.1, log: true, doc: 'Factor of what a tree adds.' },
      numLeaves: { kind: 'integer', min: 2, max: 4096, default: 31, log: true, doc: 'Leaves of a tree at most.' },
      ...trees,
      minRows: { ...trees.minRows, default: 20 },
      minWeight: {
        kind: 'number',
        min: 0,
        max: 1e6,
        default: 1e-3,
        log: true,
        doc: 'Sum of the second derivatives of the loss in a leaf.',
      },
      minGain: { kind: 'number', min: 0, max: 1e6, default: 0, log: true, doc: 'A split gains more than this.' },
      l1: { kind: 'number', min: 0, max: 1e6, default: 0, log: true, doc: 'α: sums of gradients shrink by it.' },
      l2: { kind: 'number', min: 0, max: 1e6, default: 0, log: true, doc: 'λ in leaf = −G / (H + λ).' },
      featureFraction: { ...share, doc: 'Share of the features that a tree may use, drawn for each.' },
      baggingFraction: { ...share, doc: 'Share of the rows that a tree is grown on, drawn without repetition.' },
      baggingFrequency: {
        kind: 'integer',
        min: 1,
        max: 1000,
        default: 1,
        doc: 'Rounds until rows are drawn anew, where the share is below 1.',
      },
      loss: {
        kind: 'choice',
        choices: ['squared', 'absolute', 'huber'],
        default: 'squared',
        doc: 'Of a number; of classes it is the logarithm of their chance.',
      },
      huberDelta: {
        kind: 'number',
        min: 1e-3,
        max: 100,
        default: 1,
        log: true,
        doc: 'Of "huber": from which error on it counts as it is, not squared, in deviations of the target.',
      },
      earlyStoppingRounds: {
        kind: 'integer',
        min: 0,
        max: 10_000,
        default: 0,
        log: true,
        doc: 'Training ends after so many rounds that do not better the loss on rows set apart; 0: it does not.',
      },
      validationShare: {
        kind: 'number',
        min: 0.01,
        max: 0.5,
        default: 0.1,
        doc: 'Share of the training rows that is set apart for it.',
      },
    },
  },
  'gaussian-naive-bayes': {
    title: 'Gaussian naive Bayes',
    tasks: ['classify'],
    anyThreads: true,
    parameters: {
      varSmoothing: {
        kind: 'number',
        min: 1e-15,
        max: 1,
        default: 1e-9,
        log: true,
        doc: 'Part of the largest variance of a feature that is added to all variances.',
      },
    },
  },
  'multinomial-naive-bayes': {
    title: 'Multinomial naive Bayes',
    tasks: ['classify'],
    anyThreads: true,
    parameters: {
      alpha,
      fitPrior: {
        kind: 'choice',
        choices: ['yes', 'no'],
        default: 'yes',
        doc: 'Whether a class is as likely as it is frequent; else all are alike.',
      },
    },
  },
  'complement-naive-bayes': {
    title: 'Complement naive Bayes',
    tasks: ['classify'],
    anyThreads: true,
    parameters: {
      alpha,
      norm: {
        kind: 'choice',
        choices: ['no', 'yes'],
        default: 'no',
        doc: "Whether a class's weights are divided by their sum.",
      },
    },
  },
  knn: {
    title: 'k nearest neighbours',
    tasks: ['classify', 'regress'],
    anyThreads: true,
    parameters: {
      neighbours: {
        kind: 'integer',
        min: 1,
        max: 1000,
        default: 5,
        log: true,
        doc: 'Training rows that vote; there must be as many. Of rows as far away, the first count.',
      },
      metric: {
        kind: 'choice',
        choices: ['euclidean', 'cosine'],
        default: 'euclidean',
        doc: 'How far rows are apart: ‖u − v‖, or 1 − cos(u, v).',
      },
      weights: {
        kind: 'choice',
        choices: ['uniform', 'distance'],
        default: 'uniform',
        doc: 'Whether neighbours vote alike, or by 1 / distance; where rows are alike, those alone.',
      },
    },
  },
} as const satisfies Record<string, TableAlgorithm>;

export type TableAlgorithmName = keyof typeof tableAlgorithms;
/** An algorithm's row, whatever its name. */
export const tableAlgorithmOf = (name: TableAlgorithmName): TableAlgorithm => tableAlgorithms[name];
export type TableParametersOf<A extends TableAlgorithmName> = ValuesOf<(typeof tableAlgorithms)[A]['parameters']>;
export const tableAlgorithmNames = Object.keys(tableAlgorithms) as TableAlgorithmName[];
