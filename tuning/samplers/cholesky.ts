/**
 * Factors of symmetric positive definite matrices in float64. All matrices are `[n × n]`, row-major, and only their lower
 * triangles are read or written. Inner loops run along rows, where memory is contiguous.
 */

/**
 * A → L with A = L Lᵀ, in place.
 * @returns whether A is positive definite, as far as float64 can tell; where not, its values are lost.
 */
export function factorize(matrix: Float64Array, n: number): boolean {
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j < i; j++) {
      const other = j * n;
      // L_ij = (A_ij − Σ_k<j L_ik L_jk) / L_jj
      matrix[row + j] = (matrix[row + j] - rowProduct(matrix, row, other, j)) / matrix[other + j];
    }
    // L_ii² = A_ii − Σ_k<i L_ik²
    const square = matrix[row + i] - rowProduct(matrix, row, row, i);
    if (!(square > 0)) return false;
    matrix[row + i] = Math.sqrt(square);
  }
  return true;
}

/** L⁻¹ of a lower triangular L. */
export function inverseOfTriangle(triangle: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    // M_i = (e_i − Σ_k<i L_ik M_k) / L_ii
    addRows(inverse, row, triangle, row, inverse, i, n);
    const scale = -1 / triangle[row + i];
    for (let j = 0; j < i; j++) inverse[row + j] *= scale;
    inverse[row + i] = -scale;
  }
  return inverse;
}

/** Mᵀ M of a lower triangular M: (L Lᵀ)⁻¹ where M is L⁻¹. */
export function squareOfTriangle(triangle: Float64Array, n: number): Float64Array {
  const transposed = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) transposed[j * n + i] = triangle[i * n + j];
  const square = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      // P_ij = Σ_k≥i M_ki M_kj
      square[i * n + j] = rowProduct(transposed, i * n + i, j * n + i, n - i);
    }
  }
  return square;
}

/** Σ_k<count a_k b_k of two stretches of a matrix, in four sums. */
function rowProduct(matrix: Float64Array, a: number, b: number, count: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let k = 0;
  for (; k + 3 < count; k += 4) {
    s0 += matrix[a + k] * matrix[b + k];
    s1 += matrix[a + k + 1] * matrix[b + k + 1];
    s2 += matrix[a + k + 2] * matrix[b + k + 2];
    s3 += matrix[a + k + 3] * matrix[b + k + 3];
  }
  for (; k < count; k++) s0 += matrix[a + k] * matrix[b + k];
  return s0 + s1 + (s2 + s3);
}

/** result ← result + Σ_k<count factor_k · row k of a lower triangular matrix, four rows at a time. */
function addRows(
  result: Float64Array,
  at: number,
  factors: Float64Array,
  first: number,
  rows: Float64Array,
  count: number,
  n: number,
): void {
  let k = 0;
  for (; k + 3 < count; k += 4) {
    const f0 = factors[first + k];
    const f1 = factors[first + k + 1];
    const f2 = factors[first + k + 2];
    const f3 = factors[first + k + 3];
    const r0 = k * n;
    const r1 = r0 + n;
    const r2 = r1 + n;
    const r3 = r2 + n;
    // Above the diagonal rows are 0.
    for (let j = 0; j < k + 4; j++) {
      result[at + j] += f0 * rows[r0 + j] + f1 * rows[r1 + j] + (f2 * rows[r2 + j] + f3 * rows[r3 + j]);
    }
  }
  for (; k < count; k++) {
    const factor = factors[first + k];
    for (let j = 0; j <= k; j++) result[at + j] += factor * rows[k * n + j];
  }
}

/** M v of a lower triangular M. */
export function triangleTimes(triangle: Float64Array, v: Float64Array, result: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    const row = i * n;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    let k = 0;
    for (; k + 3 <= i; k += 4) {
      s0 += triangle[row + k] * v[k];
      s1 += triangle[row + k + 1] * v[k + 1];
      s2 += triangle[row + k + 2] * v[k + 2];
      s3 += triangle[row + k + 3] * v[k + 3];
    }
    for (; k <= i; k++) s0 += triangle[row + k] * v[k];
    result[i] = s0 + s1 + (s2 + s3);
  }
}

/** Mᵀ v of a lower triangular M. */
export function transposedTimes(triangle: Float64Array, v: Float64Array, result: Float64Array, n: number): void {
  result.fill(0, 0, n);
  addRows(result, 0, v, 0, triangle, n, n);
}
