import { describe, expect, it } from 'vitest';
import { tableAlgorithmNames } from '../../../contracts/table-algorithms.ts';
import { tableEstimatorOf } from '../../../models/table-registry.ts';
import { describeTableEstimator, type TableSubject } from './conformance.ts';

const quick = { epochs: 30, batchSize: 32, l2: 1e-3 };
const exact = { epochs: 40, batchSize: 1000 };
/** Five pixels side by side. */
const row = { imageHeight: 1, imageWidth: 5 };
const imageSizes = ['imageHeight', 'imageWidth', 'channels'];
/** Nothing is drawn, and it is one step. */
const plainTree = { seeded: false, rungs: false, checkpoints: false, least: 0.8 } as const;
/** The table's features are in units far apart, of which one in thousands decides. */
const neighbours = { ...plainTree, least: 0.6, inRows: 'neighbours', atMostRows: 'neighbours' } as const;
const subjects: Record<string, TableSubject> = {
  'logistic regression of two classes': {
    algorithm: 'logistic-regression',
    task: 'classify',
    parameters: { ...quick, learningRate: 0.1 },
    exact,
  },
  'logistic regression of four classes': {
    algorithm: 'logistic-regression',
    task: 'classify',
    classes: 4,
    parameters: { ...quick, learningRate: 0.1 },
    exact,
  },
  'linear regression': {
    algorithm: 'linear-regression',
    task: 'regress',
    parameters: { ...quick, learningRate: 0.1 },
    exact,
  },
  'a perceptron of two classes': {
    algorithm: 'mlp',
    task: 'classify',
    parameters: { ...quick, learningRate: 0.01, hidden: 16 },
    exact,
  },
  'a perceptron of three classes, with dropout and two hidden layers': {
    algorithm: 'mlp',
    task: 'classify',
    classes: 3,
    parameters: { ...quick, learningRate: 0.01, hidden: 16, layers: 2, dropout: 0.1 },
    exact: { ...exact, dropout: 0 },
  },
  'a perceptron for numbers, ending early': {
    algorithm: 'mlp',
    task: 'regress',
    parameters: { ...quick, learningRate: 0.01, hidden: 16, earlyStoppingRounds: 8, validationShare: 0.2 },
    exact: { ...exact, earlyStoppingRounds: 0 },
  },
  'a perceptron of two classes that weigh the same, normalised over the batch': {
    algorithm: 'mlp',
    task: 'classify',
    parameters: { ...quick, learningRate: 0.01, hidden: 16, layers: 2, norm: 'batch', classWeight: 'balanced' },
    exact,
  },
  'a perceptron of three classes, normalised over the units': {
    algorithm: 'mlp',
    task: 'classify',
    classes: 3,
    parameters: { ...quick, learningRate: 0.01, hidden: 16, layers: 2, norm: 'layer' },
    exact,
  },
  'a convolutional network of two classes': {
    algorithm: 'cnn',
    task: 'classify',
    parameters: { ...quick, learningRate: 0.01, filters: 4, hidden: 16, ...row },
    exact,
    image: imageSizes,
  },
  'a convolutional network of three classes, normalised over the units, ending early': {
    algorithm: 'cnn',
    task: 'classify',
    classes: 3,
    parameters: {
      ...quick,
      learningRate: 0.02,
      blocks: 1,
      filters: 8,
      hidden: 16,
      norm: 'layer',
      earlyStoppingRounds: 10,
      validationShare: 0.2,
      ...row,
    },
    exact: { ...exact, earlyStoppingRounds: 0 },
    image: imageSizes,
    least: 0.85,
  },
  'a convolutional network for numbers, without a norm': {
    algorithm: 'cnn',
    task: 'regress',
    parameters: { ...quick, learningRate: 0.01, blocks: 1, filters: 8, hidden: 16, norm: 'none', ...row },
    exact,
    image: imageSizes,
    least: 0.85,
  },
  'a linear support vector machine of two classes': {
    algorithm: 'linear-svm',
    task: 'classify',
    parameters: {},
    exact: { c: 0.01 },
    rungs: false,
    perRow: 'c',
  },
  'a linear support vector machine of four classes, with hinge loss': {
    algorithm: 'linear-svm',
    task: 'classify',
    classes: 4,
    parameters: { loss: 'hinge' },
    exact: { c: 1, maxEpochs: 10_000 },
    rungs: false,
    perRow: 'c',
  },
  'a linear support vector machine for numbers': {
    algorithm: 'linear-svm',
    task: 'regress',
    parameters: { epsilon: 0.1, loss: 'hinge' },
    exact: { c: 1, loss: 'squaredHinge' },
    rungs: false,
    perRow: 'c',
  },
  'a kernel support vector machine of two classes': {
    algorithm: 'kernel-svm',
    task: 'classify',
    parameters: {},
    exact: { kernel: 'rbf', c: 10 },
    rungs: false,
    perRow: 'c',
  },
  'a kernel support vector machine of three classes, with a polynomial': {
    algorithm: 'kernel-svm',
    task: 'classify',
    classes: 3,
    parameters: { kernel: 'polynomial', degree: 2, coef0: 1 },
    exact: { kernel: 'rbf', c: 10 },
    rungs: false,
    perRow: 'c',
  },
  'a kernel support vector machine for numbers': {
    algorithm: 'kernel-svm',
    task: 'regress',
    parameters: {},
    exact: { c: 10 },
    seeded: false,
    rungs: false,
    perRow: 'c',
  },
  'a decision tree of two classes': {
    algorithm: 'decision-tree',
    task: 'classify',
    parameters: { minRows: 5 },
    exact: { maxDepth: 4, minRows: 1 },
    ...plainTree,
  },
  'a decision tree of four classes, with entropy, pruned': {
    algorithm: 'decision-tree',
    task: 'classify',
    classes: 4,
    parameters: { minRows: 3, criterion: 'entropy', ccpAlpha: 0.005 },
    exact: { maxDepth: 4, minRows: 1 },
    ...plainTree,
  },
  'a decision tree for numbers': {
    algorithm: 'decision-tree',
    task: 'regress',
    parameters: { minRows: 5 },
    exact: { maxDepth: 4, minRows: 1 },
    ...plainTree,
  },
  'a random forest of two classes': {
    algorithm: 'random-forest',
    task: 'classify',
    parameters: { trees: 30 },
    exact: { bootstrap: 'no', maxFeatures: 'all', trees: 2, maxDepth: 4 },
    rungs: false,
  },
  'a random forest of three classes': {
    algorithm: 'random-forest',
    task: 'classify',
    classes: 3,
    parameters: { trees: 30, minRows: 2 },
    exact: { minRows: 1, bootstrap: 'no', maxFeatures: 'all', trees: 2, maxDepth: 4 },
    rungs: false,
  },
  'a random forest for numbers': {
    algorithm: 'random-forest',
    task: 'regress',
    parameters: { trees: 30, bootstrap: 'no', rowShare: 0.7 },
    exact: { rowShare: 1, maxFeatures: 'all', trees: 2, maxDepth: 4 },
    rungs: false,
    least: 0.85,
  },
  'boosted trees of two classes': {
    algorithm: 'boosted-trees',
    task: 'classify',
    parameters: { rounds: 30, minRows: 5 },
    exact: { minRows: 1, minWeight: 0, rounds: 5, numLeaves: 5 },
    seeded: false,
  },
  'boosted trees of three classes, on drawn rows and features, ending early': {
    algorithm: 'boosted-trees',
    task: 'classify',
    classes: 3,
    parameters: {
      rounds: 40,
      minRows: 5,
      baggingFraction: 0.7,
      baggingFrequency: 2,
      featureFraction: 0.8,
      earlyStoppingRounds: 10,
      validationShare: 0.2,
    },
    exact: {
      minRows: 1,
      minWeight: 0,
      rounds: 5,
      numLeaves: 5,
      baggingFraction: 1,
      featureFraction: 1,
      earlyStoppingRounds: 0,
    },
  },
  'boosted trees for numbers': {
    algorithm: 'boosted-trees',
    task: 'regress',
    parameters: { rounds: 30, minRows: 5, learningRate: 0.2 },
    exact: { minRows: 1, rounds: 5, numLeaves: 5 },
    seeded: false,
    least: 0.85,
  },
  'Gaussian naive Bayes of two classes': {
    algorithm: 'gaussian-naive-bayes',
    task: 'classify',
    parameters: {},
    exact: {},
    ...plainTree,
  },
  'Gaussian naive Bayes of four classes': {
    algorithm: 'gaussian-naive-bayes',
    task: 'classify',
    classes: 4,
    parameters: {},
    exact: {},
    ...plainTree,
  },
  'multinomial naive Bayes of two classes': {
    algorithm: 'multinomial-naive-bayes',
    task: 'classify',
    parameters: {},
    exact: { alpha: 1 },
    inRows: 'alpha',
    counts: true,
    ...plainTree,
  },
  'multinomial naive Bayes of three classes that are alike': {
    algorithm: 'multinomial-naive-bayes',
    task: 'classify',
    classes: 3,
    parameters: { fitPrior: 'no' },
    exact: { alpha: 1 },
    inRows: 'alpha',
    counts: true,
    ...plainTree,
  },
  'complement naive Bayes of three classes': {
    algorithm: 'complement-naive-bayes',
    task: 'classify',
    classes: 3,
    parameters: {},
    exact: { alpha: 1 },
    inRows: 'alpha',
    counts: true,
    ...plainTree,
  },
  'neighbours of two classes': {
    algorithm: 'knn',
    task: 'classify',
    parameters: { neighbours: 15 },
    exact: { neighbours: 15 },
    ...neighbours,
  },
  'neighbours of four classes, by distance': {
    algorithm: 'knn',
    task: 'classify',
    classes: 4,
    parameters: { neighbours: 15, weights: 'distance' },
    exact: { neighbours: 15 },
    ...neighbours,
  },
  'neighbours for numbers, by distance': {
    algorithm: 'knn',
    task: 'regress',
    parameters: { neighbours: 15, weights: 'distance' },
    exact: { neighbours: 15 },
    ...neighbours,
  },
};

for (const [name, subject] of Object.entries(subjects)) describeTableEstimator(name, subject);

describe('the registry', () => {
  it.each(tableAlgorithmNames)('knows %s by its name, and the conformance suite covers it', (name) => {
    expect(tableEstimatorOf(name).algorithm).toBe(name);
    expect(Object.values(subjects).map(({ algorithm }) => algorithm)).toContain(name);
  });
});
