import { describe, expect, it } from 'vitest';
import { tableAlgorithmNames } from '../../../contracts/table-algorithms.ts';
import { tableEstimatorOf } from '../../../models/table-registry.ts';
import { describeTableEstimator, type TableSubject } from './conformance.ts';

const quick = { epochs: 30, batchSize: 32, l2: 1e-3 };
const exact = { epochs: 40, batchSize: 1000 };
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
};

for (const [name, subject] of Object.entries(subjects)) describeTableEstimator(name, subject);

describe('the registry', () => {
  it.each(tableAlgorithmNames)('knows %s by its name, and the conformance suite covers it', (name) => {
    expect(tableEstimatorOf(name).algorithm).toBe(name);
    expect(Object.values(subjects).map(({ algorithm }) => algorithm)).toContain(name);
  });
});
