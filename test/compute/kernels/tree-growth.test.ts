import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { BinnedMatrix } from '../../../compute/kernels/bins.ts';
import * as scalar from '../../../compute/kernels/scalar/trees.ts';
import type { Feature, Rules } from '../../../compute/kernels/scalar/trees.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { TreeGrower, growForest, leavesOf } from '../../../compute/kernels/trees.ts';
import type { FlatTree, GrowthParameters, TreeInput } from '../../../compute/kernels/trees.ts';
import { lengths } from './random-arrays.ts';
import { allRows, free, randomMatrix, realPairs, someRows, wholePairs } from './random-trees.ts';
import type { Column } from './random-trees.ts';

const kernels = new KernelThreads(1, ['trees']);
afterAll(() => kernels.close());

const columns: Column[] = [
  { bins: 30, missing: 0.1 },
  { bins: 4 },
  { bins: 12, categorical: true, missing: 0.2 },
  { bins: 1 },
  { bins: 100 },
  { bins: 2, missing: 0.5 },
  { bins: 7 },
];

const parametersOf = ({ criterion, classes, ...limits }: Rules): GrowthParameters =>
  criterion === 'gradient' ? { criterion, ...limits } : { criterion, classes, ...limits };

/** A tree as the twin gives it, without the rows. */
function plain(tree: FlatTree, features: readonly Feature[], width: number) {
  return Array.from(tree.feature, (feature, k) => {
    const totals = Array.from(tree.totals.subarray(k * width, (k + 1) * width));
    if (feature < 0) {
      expect([tree.bin[k], tree.left[k], tree.missingLeft[k], tree.set[k], tree.gain[k]]).toEqual([-1, 0, 0, -1, 0]);
      return { totals };
    }
    const missing = features[feature].count - 1;
    const set = tree.set[k] < 0 ? undefined : tree.sets.subarray(tree.set[k] * 8, tree.set[k] * 8 + 8);
    const goes = (b: number) => {
      if (set) return ((set[b >> 5] >>> (b & 31)) & 1) === 1;
      return b === missing ? tree.missingLeft[k] === 1 : b <= tree.bin[k];
    };
    const left = Array.from({ length: missing + 1 }, (_, b) => b).filter(goes);
    return { totals, feature, bin: tree.bin[k], gain: tree.gain[k], left, child: tree.left[k] };
  });
}

function expectedOf(features: Feature[], input: TreeInput, rules: Rules) {
  const { rows, pairs, seed = 0, features: usable = features.keys() } = input;
  const seeded = new Random(seed);
  const random = Random.fromState([seeded.bits(), seeded.bits(), seeded.bits(), seeded.bits()]);
  return scalar.grow(features, pairs, Array.from(rows), rules, Array.from(usable), random);
}

const plainTwin = (nodes: scalar.TreeNode[]) =>
  nodes.map(({ totals, split, left: child }) => {
    if (!split) return { totals };
    const { feature, bin, gain, left } = split;
    return { totals, feature, bin, gain, left: [...left].toSorted((a, b) => a - b), child };
  });

const kinds: Partial<Rules>[] = [{}, { criterion: 'gini', classes: 2 }, { criterion: 'gini', classes: 4 }];
const rulesets: Partial<Rules>[] = [
  {},
  { maxLeaves: 6 },
  { maxDepth: 3, minRows: 4, minWeight: 9 },
  { maxLeaves: 31, l1: 1, l2: 2, minGain: 1, minRowsToSplit: 20 },
  { featuresPerSplit: 2, minRows: 2 },
  { featuresPerSplit: 1, maxLeaves: 20 },
  { maxCategories: 2, categorySmoothing: 5, categoryL2: 4 },
];

describe.each(kinds)('a tree by $criterion of $classes classes', (kind) => {
  it.each([...lengths, 300])('is the one that the plain way grows from %i rows, node by node', async (n) => {
    for (const [seed, some] of rulesets.entries()) {
      const rules: Rules = { ...free, ...kind, ...some };
      const random = new Random(n, seed);
      const { matrix, features } = await randomMatrix(kernels, random, 2 * n, columns);
      const input = { rows: someRows(random, 2 * n, 0.5), pairs: wholePairs(random, 2 * n, rules.classes), seed };
      const tree = await new TreeGrower(matrix, parametersOf(rules)).grow(input);
      const expected = expectedOf(features, input, rules);
      expect(plain(tree, features, rules.classes > 0 ? rules.classes + 1 : 3)).toEqual(plainTwin(expected));
      const rowsOf = (k: number) => Array.from(tree.order.subarray(tree.begin[k], tree.end[k]));
      for (const [k, node] of expected.entries()) {
        if (node.split) expect(rowsOf(k).toSorted((a, b) => a - b)).toEqual(node.rows);
        else expect(rowsOf(k)).toEqual(node.rows);
      }
    }
  });
});

async function copied(grower: TreeGrower, input: TreeInput) {
  const tree = await grower.grow(input);
  return { ...tree, order: new Int32Array(tree.order) };
}

describe('a tree', () => {
  const entropy: GrowthParameters = { criterion: 'entropy', classes: 3, featuresPerSplit: 3 };

  it('uses bins of two bytes as it uses bins of one', async () => {
    const random = new Random(7);
    const rules = { ...free, maxLeaves: 40 };
    const { matrix, features } = await randomMatrix(kernels, random, 600, [...columns, { bins: 1000, missing: 0.1 }]);
    expect(matrix.wide).toBe(true);
    const input = { rows: allRows(600), pairs: wholePairs(random, 600, 0) };
    const tree = await new TreeGrower(matrix, parametersOf(rules)).grow(input);
    expect(plain(tree, features, 3)).toEqual(plainTwin(expectedOf(features, input, rules)));
    expect(tree.feature).toContain(7);
    const leaves = await leavesOf(matrix, tree);
    for (const k of tree.feature.keys()) {
      if (tree.feature[k] < 0)
        for (const row of tree.order.subarray(tree.begin[k], tree.end[k])) expect(leaves[row]).toBe(k);
    }
  });

  it('looks at the features that it was given, and at no others', async () => {
    const random = new Random(8);
    const { matrix, features } = await randomMatrix(kernels, random, 300, columns);
    const input = { rows: allRows(300), pairs: wholePairs(random, 300, 0), features: Int32Array.of(6, 1, 2) };
    for (const featuresPerSplit of [Infinity, 1]) {
      const rules = { ...free, featuresPerSplit };
      const tree = await new TreeGrower(matrix, parametersOf(rules)).grow(input);
      expect(plain(tree, features, 3)).toEqual(plainTwin(expectedOf(features, input, rules)));
      expect(new Set(tree.feature)).toEqual(new Set([-1, 1, 2, 6]));
    }
  });

  it('is the same with kept histograms and with all built from rows', async () => {
    const random = new Random(9);
    const { matrix } = await randomMatrix(kernels, random, 2000, columns);
    const input = { rows: someRows(random, 2000, 0.8), pairs: wholePairs(random, 2000, 0) };
    const treeOf = (histogramBytes: number) =>
      copied(new TreeGrower(matrix, { criterion: 'gradient', minRows: 5, histogramBytes }), input);
    const kept = await treeOf(2 ** 30);
    expect(await treeOf(0)).toEqual(kept);
  });

  it('weighs a row that is listed twice as twice its weight', async () => {
    const random = new Random(10);
    const { matrix, features } = await randomMatrix(kernels, random, 200, columns);
    const pairs = wholePairs(random, 200, 3);
    const once = allRows(200);
    const rules: Rules = { ...free, criterion: 'gini', classes: 3, minWeight: 8 };
    const input = { rows: Int32Array.from([...once, ...once.filter((r) => r % 2 === 0)]), pairs };
    const heavy = pairs.map((value, k) => (k % 4 === 1 ? 2 * value : value));
    const [twice, weighted] = [
      await new TreeGrower(matrix, parametersOf(rules), 300).grow(input),
      await new TreeGrower(matrix, parametersOf(rules)).grow({ rows: once, pairs: heavy }),
    ];
    expect(twice.feature).toEqual(weighted.feature);
    expect(twice.gain).toEqual(weighted.gain);
    expect(plain(twice, features, 4)).toEqual(plainTwin(expectedOf(features, input, rules)));
  });

  it('is one leaf where there is nothing to tell apart', async () => {
    const random = new Random(11);
    const { matrix } = await randomMatrix(kernels, random, 50, columns);
    const classOf = (value: number) => Float32Array.from({ length: 100 }, (_, k) => (k % 2 === 1 ? 0.1 : value));
    const only = await randomMatrix(kernels, random, 50, [{ bins: 1 }, { bins: 1, categorical: true }]);
    for (const [used, parameters, pairs] of [
      [matrix, { criterion: 'gradient' }, classOf(0.3)],
      [matrix, { criterion: 'gini', classes: 3 }, classOf(2)],
      [matrix, entropy, classOf(1)],
      [only.matrix, { criterion: 'gradient' }, realPairs(random, 50, 0)],
    ] satisfies [BinnedMatrix, GrowthParameters, Float32Array][]) {
      const tree = await new TreeGrower(used, parameters).grow({ rows: allRows(50), pairs });
      expect(tree.feature).toEqual(Int32Array.of(-1));
      expect(tree.totals.at(-1)).toBe(50);
    }
  });

  it('splits what gains nothing when it is told to: an exclusive or', async () => {
    const values = [0, 1, 0, 1].map((a, k) => ({ a, b: k >> 1 }));
    const edges = Float32Array.of(0.5);
    const column = (pick: 'a' | 'b') => Float32Array.from(values, (value) => value[pick]);
    const matrix = await BinnedMatrix.from(kernels, [column('a'), column('b')], [{ edges }, { edges }]);
    const pairs = Float32Array.from(values.flatMap(({ a, b }) => [a ^ b, 1]));
    const input = { rows: allRows(4), pairs };
    const gini: GrowthParameters = { criterion: 'gini', classes: 2 };
    expect((await new TreeGrower(matrix, gini).grow(input)).feature).toHaveLength(1);
    const tree = await new TreeGrower(matrix, { ...gini, minGain: -Infinity }).grow(input);
    expect(Array.from(tree.feature)).toEqual([0, 1, 1, -1, -1, -1, -1]);
  });

  it('sends every row of a matrix to the leaf that its bins lead to, rows that it was not grown on too', async () => {
    const random = new Random(12);
    const { matrix, features } = await randomMatrix(kernels, random, 40_000, columns);
    const input = { rows: someRows(random, 40_000, 0.1), pairs: realPairs(random, 40_000, 3) };
    const tree = await new TreeGrower(matrix, { ...entropy, maxLeaves: 60 }).grow(input);
    const nodes = plain(tree, features, 4);
    const leaves = await leavesOf(matrix, tree);
    for (let row = 0; row < 40_000; row += 37) {
      let k = 0;
      for (let node = nodes[0]; node.feature !== undefined; node = nodes[k]) {
        k = node.child + (node.left.includes(features[node.feature].bins[row]) ? 0 : 1);
      }
      expect(leaves[row]).toBe(k);
    }
  });

  it('refuses parameters and inputs outside their ranges', async () => {
    const { matrix } = await randomMatrix(kernels, new Random(1), 4, [{ bins: 3 }, { bins: 2 }]);
    const bad: [Partial<Rules>, string][] = [
      [{ maxLeaves: 0 }, '"maxLeaves"'],
      [{ maxDepth: 1.5 }, '"maxDepth"'],
      [{ minRows: NaN }, '"minRows"'],
      [{ l2: -1 }, '"l2"'],
      [{ minWeight: Infinity }, '"minWeight"'],
      [{ minGain: NaN }, '"minGain"'],
      [{ criterion: 'gini', classes: 0 }, '"classes"'],
    ];
    for (const [some, message] of bad) {
      expect(() => new TreeGrower(matrix, parametersOf({ ...free, ...some }))).toThrow(message);
    }
    const grower = new TreeGrower(matrix, { criterion: 'gini', classes: 2 });
    const input = { rows: Int32Array.of(0, 1), pairs: Float32Array.of(0, 1, 1, 1, 0, 1, 1, 1) };
    const inputs: [Partial<TreeInput>, string][] = [
      [{ rows: Int32Array.of(4) }, 'Each row'],
      [{ rows: Int32Array.of(0, 1, 2, 3, 0) }, 'at most 4 rows'],
      [{ features: Int32Array.of(2) }, 'Each feature'],
      [{ features: Int32Array.of(1, 1) }, 'distinct'],
      [{ pairs: Float32Array.of(1, 1) }, '8 numbers as pairs'],
      [{ pairs: Float32Array.of(2, 1, 1, 1, 0, 1, 1, 1) }, 'The class of row 0'],
      [{ pairs: Float32Array.of(NaN, 1, 1, 1, 0, 1, 1, 1) }, 'The class of row 0'],
    ];
    for (const [some, message] of inputs) await expect(grower.grow({ ...input, ...some })).rejects.toThrow(message);
  });

  it.each([
    { what: 'gradients', parameters: { criterion: 'gradient' } as const, second: 'second derivative' },
    { what: 'classes', parameters: { criterion: 'gini', classes: 2 } as const, second: 'weight' },
  ])('names the row whose pair of $what is not finite, or negative where it may not be', async (kind) => {
    const { matrix } = await randomMatrix(kernels, new Random(1), 3, [{ bins: 3 }]);
    const grower = new TreeGrower(matrix, kind.parameters);
    const grow = (rows: number[], h: number, g = 1) =>
      grower.grow({ rows: Int32Array.from(rows), pairs: Float32Array.of(0, 1, g, h, 1, 1) });
    for (const h of [NaN, Infinity, -Infinity]) {
      const refused = { code: 'TRAINING_DIVERGED', message: expect.stringContaining('of row 1') };
      await expect(grow([0, 1, 2], h)).rejects.toMatchObject(refused);
      if (kind.what === 'gradients') await expect(grow([0, 1, 2], 1, h)).rejects.toMatchObject(refused);
    }
    await expect(grow([0, 1], Infinity, Infinity)).rejects.toThrow('row 1');
    await expect(grow([0, 1], -1)).rejects.toThrow(`The ${kind.second} of row 1 must not be negative. Got -1.`);
    // Nobody reads the pairs of rows that the tree is not grown on.
    expect((await grow([0, 2], NaN)).totals.every(Number.isFinite)).toBe(true);
  });
});

describe('threads', () => {
  it('do not wait for one that has failed', async () => {
    const several = new KernelThreads(3, ['trees']);
    try {
      const { matrix } = await randomMatrix(several, new Random(1), 100_000, [{ bins: 9 }, { bins: 9 }]);
      const task = several.put(new Int32Array(64));
      // Member 0 reads a plan where there is no memory; the others are at the barrier by then, or will be.
      several.view('i32', task, 1)[0] = -64;
      const argsOf = (member: number) => [task, member, 3];
      await expect(several.parallelFor('trees', 'grow', 3, argsOf)).rejects.toThrow('memory access out of bounds');
      const pairs = Float32Array.from({ length: 200_000 }, (_, k) => (k % 2 ? 1 : k % 7));
      const rows = Int32Array.from({ length: 100_000 }, (_, k) => k);
      const { feature } = await new TreeGrower(matrix, { criterion: 'gradient', maxLeaves: 4 }).grow({ rows, pairs });
      expect(feature.length).toBe(7);
    } finally {
      await several.close();
    }
  });

  it('do not change a bit of a tree', async () => {
    const rows = 40_000;
    const grown = [];
    for (const threads of [1, 2, 3]) {
      const group = new KernelThreads(threads, ['trees']);
      const random = new Random(13);
      const { matrix } = await randomMatrix(group, random, rows, columns);
      const input = { rows: someRows(random, rows, 0.9), pairs: realPairs(random, rows, 0), seed: 4 };
      const classes = { ...input, pairs: realPairs(random, rows, 4) };
      grown.push([
        await copied(new TreeGrower(matrix, { criterion: 'gradient', maxLeaves: 63, minRows: 20, l2: 1 }), input),
        await copied(
          new TreeGrower(matrix, { criterion: 'gini', classes: 4, featuresPerSplit: 2, minRows: 9 }),
          classes,
        ),
        await copied(new TreeGrower(matrix, { criterion: 'entropy', classes: 4, maxDepth: 5 }), classes),
      ]);
      await group.close();
    }
    expect(grown[1]).toEqual(grown[0]);
    expect(grown[2]).toEqual(grown[0]);
    expect(grown[0].map(({ feature }) => feature.length)).toEqual([125, expect.any(Number), expect.any(Number)]);
  });

  it('give a tie to the lowest feature, whoever finds it', async () => {
    const group = new KernelThreads(3, ['trees']);
    const random = new Random(16);
    const column = Float32Array.from({ length: 200_000 }, () => random.integer(50));
    const edges = Float32Array.from({ length: 49 }, (_, k) => k + 0.5);
    const same = Array.from({ length: 9 }, () => column);
    const matrix = await BinnedMatrix.from(
      group,
      same,
      same.map(() => ({ edges })),
    );
    // Long enough for every thread to get its part.
    const features = Int32Array.of(8, 5, 7, 2, 4, 6, 3);
    const grower = new TreeGrower(matrix, { criterion: 'gradient', maxLeaves: 4 });
    const pairs = wholePairs(random, 200_000, 0);
    const tree = await grower.grow({ rows: allRows(200_000), pairs, features });
    expect(new Set(tree.feature)).toEqual(new Set([-1, 2]));
    await group.close();
  });

  it.each([1, 2])('sum the rows of children that are too many for one and are not searched: %i', async (threads) => {
    const group = new KernelThreads(threads, ['trees']);
    const random = new Random(17);
    const { matrix, features } = await randomMatrix(group, random, 50_000, [{ bins: 2 }, { bins: 3 }]);
    const pairs = wholePairs(random, 50_000, 0);
    const grower = new TreeGrower(matrix, { criterion: 'gradient', maxLeaves: 2 });
    const tree = await grower.grow({ rows: allRows(50_000), pairs });
    const input = { rows: allRows(50_000), pairs };
    expect(plain(tree, features, 3)).toEqual(plainTwin(expectedOf(features, input, { ...free, maxLeaves: 2 })));
    await group.close();
  });

  it('grow the trees of a forest, each as it is grown alone', async () => {
    const parameters: GrowthParameters = { criterion: 'gini', classes: 3, featuresPerSplit: 3, minRows: 3 };
    const inputOf = (tree: number, rows: number): TreeInput => {
      const random = new Random(14, tree);
      return { rows: someRows(random, rows, 0.6), pairs: realPairs(random, rows, 3), seed: tree };
    };
    const group = new KernelThreads(2, ['trees']);
    const { matrix } = await randomMatrix(group, new Random(15), 500, columns);
    const asked: number[] = [];
    const forest: FlatTree[] = [];
    const mark = group.mark();
    for await (const tree of growForest(matrix, parameters, 19, (k) => (asked.push(k), inputOf(k, 500)))) {
      forest.push(tree);
    }
    expect(group.mark()).toBe(mark);
    expect(asked).toEqual(Array.from({ length: 19 }, (_, k) => k));
    const alone = new TreeGrower(matrix, parameters);
    for (const [k, tree] of forest.entries()) expect(await alone.grow(inputOf(k, 500))).toMatchObject(tree);
    await group.close();
  });
});
