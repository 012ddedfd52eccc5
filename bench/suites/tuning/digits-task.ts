/**
 * A real tuning task, small enough to be done 50,000 times: kernel ridge regression (C. Saunders et al., ICML 1998) that
 * learns to read digits from 200 of them and is judged on 300 others. Given its parameters, its loss is always the same.
 */
import type { ParameterValues, SearchSpace } from '../../../contracts/parameters.ts';
import { factorize } from '../../../tuning/samplers/cholesky.ts';
import { classes, pixels, readDigits, type DigitSplit } from '../../digits.ts';
import type { Problem } from './problems.ts';

const seed = 20171201;
const [learnt, judged] = [200, 300];
const side = 28;
const mostBlur = 3;

const space: SearchSpace = {
  kernel: { kind: 'choice', choices: ['gaussian', 'laplace', 'cauchy'] },
  /** How often each pixel is replaced by the mean of its neighbourhood of 3 × 3. */
  blur: { kind: 'integer', min: 0, max: mostBlur, log: false },
  /** Distance of images at which the kernel has fallen to about a half. */
  scale: { kind: 'number', min: 0.1, max: 100, log: true },
  ridge: { kind: 'number', min: 1e-6, max: 10, log: true },
};

/** Of distance² in units of scale². */
const kernels: Readonly<Record<string, (square: number) => number>> = {
  gaussian: (square) => Math.exp(-square / 2),
  laplace: (square) => Math.exp(-Math.sqrt(square)),
  cauchy: (square) => 1 / (1 + square),
};

/**
 * Of the least error that is known: the best of a fine grid over scale and ridge for each kernel and blur, followed
 * downhill.
 */
export const bestParameters = { kernel: 'cauchy', blur: 2, scale: 5.230293706081252, ridge: 1e-6 };
const least = 0.02642861438653697;

export async function digitsTask(): Promise<Problem> {
  const task = new KernelRidge(await readDigits({ seed }));
  return { space, regret: (parameters) => task.loss(parameters) - least };
}

export class KernelRidge {
  /** By blur, squared distances `[learnt × learnt]` and `[judged × learnt]`. */
  readonly #among: readonly Float64Array[];
  readonly #across: readonly Float64Array[];
  /** `[rows × classes]`: 1 for the digit that it is, else 0. */
  readonly #targets: Float64Array;
  readonly #answers: Float64Array;

  constructor({ train, validation }: DigitSplit) {
    const blurred = (images: Float32Array, count: number) => {
      const passes: Float64Array[] = [Float64Array.from(images.subarray(0, count * pixels))];
      while (passes.length <= mostBlur) passes.push(blur(passes.at(-1)!));
      return passes;
    };
    const rows = blurred(train.images, learnt);
    const others = blurred(validation.images, judged);
    this.#among = rows.map((images) => distances(images, images));
    this.#across = others.map((images, i) => distances(images, rows[i]));
    this.#targets = indicators(train.labels.subarray(0, learnt));
    this.#answers = indicators(validation.labels.subarray(0, judged));
  }

  /** Mean squared error over the judged digits and the ten classes. */
  loss({ kernel, blur: passes, scale, ridge }: Readonly<ParameterValues>): number {
    const k = kernels[String(kernel)];
    const square = Number(scale) ** 2;
    const [among, across] = [this.#among[Number(passes)], this.#across[Number(passes)]];
    const gram = among.map((distance) => k(distance / square));
    for (let i = 0; i < learnt; i++) gram[i * learnt + i] += Number(ridge);
    if (!factorize(gram, learnt)) throw new RangeError('The kernel matrix must be positive definite.');
    const weights = solve(gram, this.#targets);
    let sum = 0;
    const scores = new Float64Array(classes);
    for (let row = 0; row < judged; row++) {
      scores.fill(0);
      for (let i = 0; i < learnt; i++) {
        const similarity = k(across[row * learnt + i] / square);
        for (let c = 0; c < classes; c++) scores[c] += similarity * weights[i * classes + c];
      }
      for (let c = 0; c < classes; c++) sum += (scores[c] - this.#answers[row * classes + c]) ** 2;
    }
    return sum / (judged * classes);
  }
}

/** L Lᵀ x = b for each class. */
function solve(triangle: Float64Array, b: Float64Array): Float64Array {
  const x = b.slice();
  for (let i = 0; i < learnt; i++) {
    for (let k = 0; k < i; k++) addRow(x, i, k, -triangle[i * learnt + k]);
    scaleRow(x, i, 1 / triangle[i * learnt + i]);
  }
  for (let i = learnt - 1; i >= 0; i--) {
    scaleRow(x, i, 1 / triangle[i * learnt + i]);
    for (let k = 0; k < i; k++) addRow(x, k, i, -triangle[i * learnt + k]);
  }
  return x;
}

function addRow(x: Float64Array, to: number, from: number, times: number): void {
  for (let c = 0; c < classes; c++) x[to * classes + c] += times * x[from * classes + c];
}

function scaleRow(x: Float64Array, row: number, by: number): void {
  for (let c = 0; c < classes; c++) x[row * classes + c] *= by;
}

function indicators(labels: Int32Array): Float64Array {
  const rows = new Float64Array(labels.length * classes);
  for (const [i, label] of labels.entries()) rows[i * classes + label] = 1;
  return rows;
}

function distances(a: Float64Array, b: Float64Array): Float64Array {
  const [n, m] = [a.length / pixels, b.length / pixels];
  const row = (of: Float64Array, i: number) => of.subarray(i * pixels, (i + 1) * pixels);
  const squares = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    const x = row(a, i);
    for (let j = 0; j < m; j++) {
      const y = row(b, j);
      let sum = 0;
      for (let p = 0; p < x.length; p++) sum += (x[p] - y[p]) ** 2;
      squares[i * m + j] = sum;
    }
  }
  return squares;
}

/** Outside of an image there is paper. */
function blur(images: Float64Array): Float64Array {
  const result = new Float64Array(images.length);
  for (let start = 0; start < images.length; start += pixels) {
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        let sum = 0;
        for (let v = Math.max(0, y - 1); v <= Math.min(side - 1, y + 1); v++) {
          for (let u = Math.max(0, x - 1); u <= Math.min(side - 1, x + 1); u++) sum += images[start + v * side + u];
        }
        result[start + y * side + x] = sum / 9;
      }
    }
  }
  return result;
}
