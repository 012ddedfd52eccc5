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
};

for (const [name, subject] of Object.entries(subjects)) describeTableEstimator(name, subject);

describe('the registry', () => {
  it.each(tableAlgorithmNames)('knows %s by its name, and the conformance suite covers it', (name) => {
    expect(tableEstimatorOf(name).algorithm).toBe(name);
    expect(Object.values(subjects).map(({ algorithm }) => algorithm)).toContain(name);
  });
});
