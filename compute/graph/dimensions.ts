/**
 * Sizes of tensors that are known only when the program runs. A dimension is a number or a polynomial over symbols in
 * one normal form (`batch`, `200*history+200`), so that two dimensions are the same exactly when they are `===`.
 * A symbol that ends in `|1` is either that size or 1: `batch|1` broadcasts against `batch`, and nothing else does.
 */

export type Dim = number | string;
export type Shape = readonly Dim[];

/** What an input may name a dimension. */
export const symbolPattern = /^[A-Za-z_][A-Za-z0-9_]*(\|1)?$/;

/** Coefficient of each monomial; a monomial is its symbols, sorted and joined by `*`; the constant's is `''`. */
type Polynomial = Map<string, number>;

function parse(dim: Dim): Polynomial {
  if (typeof dim === 'number') return new Map(dim === 0 ? [] : [['', dim]]);
  return new Map(
    dim.split('+').map((term): [string, number] => {
      const factors = term.split('*');
      const coefficient = Number(factors[0]);
      return Number.isNaN(coefficient) ? [term, 1] : [factors.slice(1).join('*'), coefficient];
    }),
  );
}

function format(polynomial: Polynomial): Dim {
  const terms = [...polynomial].filter(([, coefficient]) => coefficient !== 0);
  if (terms.length === 0) return 0;
  if (terms.length === 1 && terms[0][0] === '') return terms[0][1];
  // The constant comes last; '~' sorts after every symbol.
  terms.sort(([a], [b]) => ((a || '~') < (b || '~') ? -1 : 1));
  return terms
    .map(([monomial, coefficient]) => {
      if (monomial === '') return String(coefficient);
      return coefficient === 1 ? monomial : `${coefficient}*${monomial}`;
    })
    .join('+');
}

export function sum(...dims: Dim[]): Dim {
  const total: Polynomial = new Map();
  for (const dim of dims) {
    for (const [monomial, coefficient] of parse(dim)) total.set(monomial, (total.get(monomial) ?? 0) + coefficient);
  }
  return format(total);
}

export function product(dims: Shape): Dim {
  let total: Polynomial = new Map([['', 1]]);
  for (const dim of dims) {
    const next: Polynomial = new Map();
    for (const [a, x] of total) {
      for (const [b, y] of parse(dim)) {
        const monomial = [...a.split('*'), ...b.split('*')].filter(Boolean).toSorted().join('*');
        next.set(monomial, (next.get(monomial) ?? 0) + x * y);
      }
    }
    total = next;
  }
  return format(total);
}

/** `total / part` where that is a dimension again; `undefined` where it is not, or cannot be known to be. */
export function quotient(total: Dim, part: Dim): Dim | undefined {
  if (total === part && total !== 0) return 1;
  const divisor = [...parse(part)];
  if (divisor.length !== 1) return undefined;
  const [monomial, coefficient] = divisor[0];
  const result: Polynomial = new Map();
  for (const [key, value] of parse(total)) {
    if (value % coefficient !== 0) return undefined;
    const symbols = key.split('*').filter(Boolean);
    for (const symbol of monomial.split('*').filter(Boolean)) {
      const at = symbols.indexOf(symbol);
      if (at < 0) return undefined;
      symbols.splice(at, 1);
    }
    result.set(symbols.join('*'), value / coefficient);
  }
  return format(result);
}

/** Terms of a dimension as coefficient and symbols: `200*history+200` is `[[200, ['history']], [200, []]]`. */
export function termsOf(dim: Dim): [coefficient: number, symbols: string[]][] {
  return [...parse(dim)].map(([monomial, coefficient]) => [coefficient, monomial.split('*').filter(Boolean)]);
}

/** The size that two dimensions have together under NumPy's rule; `undefined` when they cannot meet. */
export function broadcastDims(a: Dim, b: Dim): Dim | undefined {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (a === `${b}|1`) return b;
  if (b === `${a}|1`) return a;
  return undefined;
}

/** Aligns shapes at their last dimension, as NumPy and ONNX do. */
export function broadcastShapes(shapes: readonly Shape[]): Dim[] | undefined {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result: Dim[] = [];
  for (let axis = 1; axis <= rank; axis++) {
    let dim: Dim | undefined = 1;
    for (const shape of shapes) {
      if (axis <= shape.length) dim = broadcastDims(dim, shape[shape.length - axis]);
      if (dim === undefined) return undefined;
    }
    result.unshift(dim);
  }
  return result;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}
