/** Trees as ONNX has them. */
import { treeModes, type TreeEnsemble } from '../../../compute/graph/operations/trees.ts';
import { setWords, type TreeList } from './tree-list.ts';

const modes = {
  leaf: treeModes.indexOf('LEAF'),
  number: treeModes.indexOf('BRANCH_LEQ'),
  category: treeModes.indexOf('BRANCH_EQ'),
};

interface Nodes {
  tree: number[];
  node: number[];
  mode: number[];
  feature: number[];
  value: number[];
  yes: number[];
  no: number[];
  missingYes: number[];
}

/**
 * A test on categories is a chain of equalities, all of which lead to one node: of the categories that go where none of
 * them goes not, so that what is missing, NaN or not known falls through.
 * @param categories - `[features]`; see `SpecialFeatures`.
 * @param targetOf - the target of a leaf's value, of a tree and a place among the values.
 */
export function treeEnsemble(
  list: TreeList,
  categories: Int32Array,
  targets: number,
  targetOf: (tree: number, place: number) => number,
): TreeEnsemble {
  const { roots, feature, threshold, next, missingLeft, set, values, width } = list;
  const nodes: Nodes = { tree: [], node: [], mode: [], feature: [], value: [], yes: [], no: [], missingYes: [] };
  const weights = { tree: [] as number[], node: [] as number[], target: [] as number[], weight: [] as number[] };
  const add = (tree: number, node: number, mode: number, test: readonly [number, number, number, number, number]) => {
    nodes.tree.push(tree);
    nodes.node.push(node);
    nodes.mode.push(mode);
    nodes.feature.push(test[0]);
    nodes.value.push(test[1]);
    nodes.yes.push(test[2]);
    nodes.no.push(test[3]);
    nodes.missingYes.push(test[4]);
  };
  for (const [t, from] of roots.entries()) {
    const to = roots[t + 1] ?? feature.length;
    const links: { node: number; test: readonly [number, number, number, number, number] }[] = [];
    let free = to - from;
    for (let k = from; k < to; k++) {
      const [own, left] = [k - from, next[k] - from];
      if (feature[k] < 0) {
        add(t, own, modes.leaf, [0, 0, 0, 0, 0]);
        for (let place = 0; place < width; place++) {
          weights.tree.push(t);
          weights.node.push(own);
          weights.target.push(targetOf(t, place));
          weights.weight.push(values[next[k] * width + place]);
        }
      } else if (set[k] < 0) {
        add(t, own, modes.number, [feature[k], threshold[k], left, left + 1, missingLeft[k]]);
      } else {
        const [named, others] = missingLeft[k] === 1 ? [left + 1, left] : [left, left + 1];
        const chain = categoriesOf(list, set[k], categories[feature[k]], missingLeft[k] === 0);
        let node = own;
        for (const [place, category] of chain.entries()) {
          const last = place === chain.length - 1;
          const after = last ? others : free++;
          const test = [feature[k], category, named, after, 0] as const;
          if (place === 0) add(t, node, modes.category, test);
          else links.push({ node, test });
          node = after;
        }
      }
    }
    for (const { node, test } of links) add(t, node, modes.category, test);
  }
  return {
    targets,
    tree: Int32Array.from(nodes.tree),
    node: Int32Array.from(nodes.node),
    mode: Uint8Array.from(nodes.mode),
    feature: Int32Array.from(nodes.feature),
    value: Float32Array.from(nodes.value),
    yes: Int32Array.from(nodes.yes),
    no: Int32Array.from(nodes.no),
    missingYes: Uint8Array.from(nodes.missingYes),
    weights: {
      tree: Int32Array.from(weights.tree),
      node: Int32Array.from(weights.node),
      target: Int32Array.from(weights.target),
      weight: Float32Array.from(weights.weight),
    },
  };
}

/** Those that go to the one side. */
function categoriesOf({ sets }: TreeList, set: number, count: number, left: boolean): number[] {
  const found: number[] = [];
  for (let c = 0; c < count; c++) {
    const isLeft = ((sets[set * setWords + (c >> 5)] >>> (c & 31)) & 1) === 1;
    if (isLeft === left) found.push(c);
  }
  return found;
}
