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
      matrix[row + j] = (matrix[row + j] - product(matrix, row, other, j)) / matrix[other + j];
    }
    // L_ii² = A_ii − Σ_k<i L_ik²
    const square = matrix[row + i] - product(matrix, row, row, i);
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
    for (let k = 0; k < i; k++) {
      const [factor, other] = [triangle[row + k], k * n];
      for (let j = 0; j <= k; j++) inverse[row + j] -= factor * inverse[other + j];
    }
    inverse[row + i] = 1;
    const scale = 1 / triangle[row + i];
    for (let j = 0; j <= i; j++) inverse[row + j] *= scale;
  }
  return inverse;
}

/** Mᵀ M of a lower triangular M: (L Lᵀ)⁻¹ where M is L⁻¹. */
export function squareOfTriangle(triangle: Float64Array, n: number): Float64Array {
  const square = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const from = k * n;
    for (let i = 0; i <= k; i++) {
      const [factor, row] = [triangle[from + i], i * n];
      for (let j = 0; j <= i; j++) square[row + j] += factor * triangle[from + j];
    }
  }
  return square;
}

/** Σ_k<count a_k b_k of two stretches of a matrix, in four sums. */
function product(matrix: Float64Array, a: number, b: number, count: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
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
