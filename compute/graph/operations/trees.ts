/** Decision trees. */
import { operation, refuse, requireType } from './definition.ts';

/** How a node tests its feature. */
export const treeModes = ['LEAF', 'BRANCH_LEQ', 'BRANCH_EQ'] as const;
const [leaf] = treeModes.keys();

/** Trees as ONNX lists them: a value for each node, tree after tree, the root of each first. */
export interface TreeEnsemble {
  /** Of a sum. */
  readonly targets: number;
  /** Number of the tree, and of the node in it. */
  readonly tree: Int32Array;
  readonly node: Int32Array;
  /** Place in `treeModes`; of leaves, what follows is 0. */
  readonly mode: Uint8Array;
  /** The test is x[feature] ≤ value, or x[feature] = value. */
  readonly feature: Int32Array;
  readonly value: Float32Array;
  /** Where it leads: numbers of nodes of the same tree. Several may lead to one. */
  readonly yes: Int32Array;
  readonly no: Int32Array;
  /** 1 where NaN goes as what holds. */
  readonly missingYes: Uint8Array;
  /** What leaves add to which target; a leaf may have several entries. */
  readonly weights: {
    readonly tree: Int32Array;
    readonly node: Int32Array;
    readonly target: Int32Array;
    readonly weight: Float32Array;
  };
}

export const trees = {
  /** Sums over trees of what the leaf of each row adds. */
  TreeEnsembleRegressor: operation<TreeEnsemble>({
    domain: 'ai.onnx.ml',
    since: 3,
    arity: 1,
    infer([input], { targets, tree, node, mode, feature, value, yes, no, missingYes, weights }) {
      requireType(input, ['float32']);
      if (input.shape.length !== 2) refuse('the input must be a matrix');
      if (!Number.isInteger(targets) || targets < 1) refuse('there must be a target');
      const width = input.shape[1];
      const ofNodes = [tree, node, mode, feature, value, yes, no, missingYes];
      if (tree.length === 0 || ofNodes.some(({ length }) => length !== tree.length)) {
        refuse('there must be a node, and every list must have a value for each');
      }
      const ofLeaves = Object.values(weights) as ArrayLike<number>[];
      if (ofLeaves.some(({ length }) => length !== weights.tree.length)) refuse('every weight must have a leaf');
      if (weights.target.some((target) => target < 0 || target >= targets)) refuse('every weight must have a target');
      const tested = feature.findIndex(
        (j, k) => mode[k] !== leaf && !(j >= 0 && (typeof width === 'string' || j < width)),
      );
      if (tested >= 0) refuse(`the features must be columns of the input, not ${feature[tested]}`);
      return [{ type: 'float32', shape: [input.shape[0], targets] }];
    },
    onnx: ({ targets, tree, node, mode, feature, value, yes, no, missingYes, weights }) => ({
      attributes: {
        nodes_treeids: { ints: tree },
        nodes_nodeids: { ints: node },
        nodes_featureids: { ints: feature },
        nodes_modes: { strings: Array.from(mode, (place) => treeModes[place]) },
        nodes_values: { floats: value },
        nodes_truenodeids: { ints: yes },
        nodes_falsenodeids: { ints: no },
        nodes_missing_value_tracks_true: { ints: missingYes },
        target_treeids: { ints: weights.tree },
        target_nodeids: { ints: weights.node },
        target_ids: { ints: weights.target },
        target_weights: { floats: weights.weight },
        n_targets: { int: targets },
        aggregate_function: { string: 'SUM' },
        post_transform: { string: 'NONE' },
      },
    }),
  }),
};
