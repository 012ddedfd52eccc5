/** For every operation on trees a small program with what it must give; there are no gradients. */
import type { TreeEnsemble } from '../../../compute/graph/operations/trees.ts';
import type { Case } from './cases.ts';
import type { NoGradient } from './gradient-cases.ts';

/**
 * Of two features and two targets.
 * Tree 0: x₀ ≤ 0.5 or missing gives (1, 0), else (10, 100).
 * Tree 1: x₁ ∈ {2, 5}, a chain of two tests that lead to one leaf, gives (0, 7), all else and what is missing (0, 3).
 * Tree 2: a leaf alone, (0.25, 0).
 */
const ensemble: TreeEnsemble = {
  targets: 2,
  tree: Int32Array.of(0, 0, 0, 1, 1, 1, 1, 2),
  node: Int32Array.of(0, 1, 2, 0, 1, 2, 3, 0),
  mode: Uint8Array.of(1, 0, 0, 2, 2, 0, 0, 0),
  feature: Int32Array.of(0, 0, 0, 1, 1, 0, 0, 0),
  value: Float32Array.of(0.5, 0, 0, 2, 5, 0, 0, 0),
  yes: Int32Array.of(1, 0, 0, 2, 2, 0, 0, 0),
  no: Int32Array.of(2, 0, 0, 1, 3, 0, 0, 0),
  missingYes: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0),
  weights: {
    tree: Int32Array.of(0, 0, 0, 1, 1, 2),
    node: Int32Array.of(1, 2, 2, 2, 3, 0),
    target: Int32Array.of(0, 0, 1, 1, 1, 0),
    weight: Float32Array.of(1, 10, 100, 7, 3, 0.25),
  },
};

export const treeCases = {
  TreeEnsembleRegressor: {
    build: (g) =>
      g.treeSums(
        g.feed('float32', [0.5, 2, 0.500001, 5, Number.NaN, 3, -1e30, Number.NaN, 0, 2.5], ['n', 2], [5, 2]),
        ensemble,
      ),
    expected: [1.25, 7, 10.25, 107, 1.25, 3, 1.25, 3, 1.25, 3],
    shape: [5, 2],
  },
} satisfies Record<string, Case>;

export const treeGradients = {
  TreeEnsembleRegressor: { none: 'is constant between its thresholds' },
} satisfies Record<string, NoGradient>;
