import { describe, expect, it } from 'vitest';
import { algorithmNames } from '../../contracts/algorithms.ts';
import { estimatorOf } from '../../models/registry.ts';
import { describeRecommender, type Subject } from './conformance.ts';

const subjects: Record<string, Subject> = {
  'popularity by users': { algorithm: 'popularity', parameters: { by: 'users' } },
  'popularity by events': { algorithm: 'popularity', parameters: { by: 'events' } },
  'item-knn by cosine': { algorithm: 'item-knn', parameters: { similarity: 'cosine', neighbours: 30 } },
  'item-knn by BM25': { algorithm: 'item-knn', parameters: { similarity: 'bm25', weighting: 'log', neighbours: 15 } },
  'als with counts': { algorithm: 'als', parameters: { factors: 16, weighting: 'count', iterations: 6 } },
  'als with padded factors': {
    algorithm: 'als',
    parameters: { factors: 11, weighting: 'log', regularization: 0.5, alpha: 20, iterations: 6 },
  },
  'item-knn by TF-IDF': {
    algorithm: 'item-knn',
    parameters: { similarity: 'tf-idf', weighting: 'log', neighbours: 25, shrinkage: 4 },
  },
  'user-knn by cosine': { algorithm: 'user-knn', parameters: { similarity: 'cosine', neighbours: 20 } },
  'user-knn by TF-IDF, shrunk': {
    algorithm: 'user-knn',
    parameters: { similarity: 'tf-idf', neighbours: 12, shrinkage: 5, weighting: 'count' },
  },
  'user-knn by BM25': { algorithm: 'user-knn', parameters: { similarity: 'bm25', weighting: 'log', neighbours: 30 } },
  rp3beta: { algorithm: 'rp3beta', parameters: { alpha: 0.8, beta: 0.5, neighbours: 40, weighting: 'count' } },
  'ease over users': { algorithm: 'ease', parameters: { regularization: 20, keep: 50, weighting: 'log' } },
  'personal frequency': { algorithm: 'personal-frequency', parameters: { popularity: 'users' } },
};

for (const [name, subject] of Object.entries(subjects)) describeRecommender(name, subject);

describe('the registry', () => {
  it.each(algorithmNames)('knows %s by its name, and the conformance suite covers it', (name) => {
    expect(estimatorOf(name).algorithm).toBe(name);
    expect(Object.values(subjects).map(({ algorithm }) => algorithm)).toContain(name);
  });
});
