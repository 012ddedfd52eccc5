/** Every algorithm with its parameter table. A new algorithm is one entry here and one file in `models/`. */
import type { ParameterTable, ValuesOf } from './parameters.ts';

/** How strong one household's evidence for one item is. */
const weighting = {
  kind: 'choice',
  choices: ['count', 'log', 'binary'],
  default: 'count',
  doc: 'Strength of an interaction: the number of baskets that held the item, log(1 + that number), or 1.',
} as const;

const shrinkage = {
  kind: 'number',
  min: 0,
  max: 1000,
  default: 0,
  doc: 'h of the factor n / (n + h), n how many they have in common: similarities that rest on few count less (Bell and Koren, 2007).',
} as const;

const popularity = {
  by: {
    kind: 'choice',
    choices: ['users', 'events'],
    default: 'users',
    doc: 'Rank items by how many users have them, or by the summed strength of all events.',
  },
} as const satisfies ParameterTable;

const itemKnn = {
  similarity: {
    kind: 'choice',
    choices: ['cosine', 'tf-idf', 'bm25'],
    default: 'bm25',
    doc: 'Cosine of the item columns, also after users are weighted by their idf, or inner products of columns weighted by BM25, items as documents (Robertson and Zaragoza, 2009).',
  },
  neighbours: { kind: 'integer', min: 1, max: 1000, default: 100, log: true, doc: 'Similar items kept per item.' },
  shrinkage,
  k1: {
    kind: 'number',
    min: 0,
    max: 1000,
    default: 0.25,
    log: true,
    doc: 'BM25 saturation: the smaller, the less repeated events add. Text search takes 1.2, baskets want less.',
  },
  b: { kind: 'number', min: 0, max: 1, default: 0.5, doc: 'BM25 normalisation by how much an item is bought.' },
  weighting: { ...weighting, default: 'log' },
} as const satisfies ParameterTable;

const als = {
  factors: {
    kind: 'integer',
    min: 8,
    max: 512,
    default: 64,
    log: true,
    doc: 'Length of a latent vector; kernels round it up to a multiple of 8 by zeros.',
  },
  regularization: {
    kind: 'number',
    min: 1e-4,
    max: 1000,
    default: 10,
    log: true,
    doc: 'Weight λ of the squared norms.',
  },
  alpha: { kind: 'number', min: 0.01, max: 1000, default: 1, log: true, doc: 'Confidence c = 1 + α·strength.' },
  iterations: { kind: 'integer', min: 1, max: 200, default: 15, doc: 'Alternations over users and items.' },
  conjugateGradientSteps: {
    kind: 'integer',
    min: 1,
    max: 32,
    default: 3,
    doc: 'Conjugate-gradient steps per row and alternation.',
  },
  weighting,
} as const satisfies ParameterTable;

const userKnn = {
  similarity: {
    kind: 'choice',
    choices: ['cosine', 'tf-idf', 'bm25'],
    default: 'cosine',
    doc: 'Cosine of the user rows, also after items are weighted by their idf, or inner products of rows weighted by BM25, users as documents (Robertson and Zaragoza, 2009).',
  },
  neighbours: { kind: 'integer', min: 1, max: 1000, default: 100, log: true, doc: 'Similar users that vote.' },
  shrinkage,
  k1: { kind: 'number', min: 0, max: 1000, default: 1.2, log: true, doc: 'BM25 saturation of repeated events.' },
  b: { kind: 'number', min: 0, max: 1, default: 0.75, doc: 'BM25 normalisation by how much a user buys.' },
  weighting: { ...weighting, default: 'log' },
} as const satisfies ParameterTable;

const rp3beta = {
  alpha: { kind: 'number', min: 0, max: 2, default: 1, doc: 'Power α of the transition probabilities.' },
  beta: { kind: 'number', min: 0, max: 2, default: 0.3, doc: 'Power β of the popularity that scores are divided by.' },
  neighbours: { kind: 'integer', min: 1, max: 1000, default: 200, log: true, doc: 'Reachable items kept per item.' },
  weighting: { ...weighting, default: 'binary' },
} as const satisfies ParameterTable;

const ease = {
  regularization: {
    kind: 'number',
    min: 1,
    max: 100_000,
    default: 500,
    log: true,
    doc: 'Weight λ of the squared norm.',
  },
  keep: {
    kind: 'integer',
    min: 1,
    max: 2000,
    default: 200,
    log: true,
    doc: 'Weights kept per item, those of largest magnitude; the fit says what share of the norm they hold.',
  },
  weighting: { ...weighting, default: 'log' },
} as const satisfies ParameterTable;

const personalFrequency = {
  popularity: {
    kind: 'choice',
    choices: ['users', 'events'],
    default: 'users',
    doc: 'What decides among equal counts, and orders what a user never had: how many users have an item, or the summed strength of all events.',
  },
} as const satisfies ParameterTable;

export const algorithms = {
  popularity: { title: 'Popularity', parameters: popularity },
  'item-knn': { title: 'Item-kNN', parameters: itemKnn },
  als: { title: 'Implicit ALS', parameters: als },
  'user-knn': { title: 'User-kNN', parameters: userKnn },
  rp3beta: { title: 'RP3beta', parameters: rp3beta },
  ease: { title: 'EASE', parameters: ease },
  'personal-frequency': { title: 'Personal frequency', parameters: personalFrequency },
} as const satisfies Record<string, { title: string; parameters: ParameterTable }>;

export type AlgorithmName = keyof typeof algorithms;
export type ParametersOf<A extends AlgorithmName> = ValuesOf<(typeof algorithms)[A]['parameters']>;
export const algorithmNames = Object.keys(algorithms) as AlgorithmName[];
