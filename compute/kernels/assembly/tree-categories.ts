/**
 * The order in which categories are scanned, shared source of `tree-splits.ts`, which names the formulas.
 *
 * Layout: `list int32 [count]` are the categories that have rows, ascending; keys `float64 [256]`.
 * Accumulator: float64. The principal component is what 16 steps of power iteration make of the class whose shares
 * differ most, which is exact for two classes; its sign is whatever comes out, the same each time.
 */
import { Plan, Scratch } from './tree-layout';

const STEPS = 16;

/** Puts the list into ascending order of the keys; equal keys stay in the order of their bins. */
export function orderCategories(plan: Plan, histogram: usize, list: usize, count: i32, scratch: usize): void {
  const keys = Scratch.keys(scratch);
  if (plan.classes) shareKeys(plan, histogram, list, count, keys, Scratch.vectors(plan, scratch));
  else gradientKeys(plan, histogram, list, count, keys);
  for (let k = 1; k < count; k++) {
    const bin = load<i32>(list + ((<usize>k) << 2));
    const key = load<f64>(keys + ((<usize>k) << 3));
    let at = k;
    for (; at > 0 && load<f64>(keys + ((<usize>(at - 1)) << 3)) > key; at--) {
      store<f64>(keys + ((<usize>at) << 3), load<f64>(keys + ((<usize>(at - 1)) << 3)));
      store<i32>(list + ((<usize>at) << 2), load<i32>(list + ((<usize>(at - 1)) << 2)));
    }
    store<f64>(keys + ((<usize>at) << 3), key);
    store<i32>(list + ((<usize>at) << 2), bin);
  }
}

/** key ← G / (H + smoothing) */
function gradientKeys(plan: Plan, histogram: usize, list: usize, count: i32, keys: usize): void {
  for (let k: usize = 0; k < <usize>count; k++) {
    const bin = histogram + 24 * <usize>load<i32>(list + (k << 2));
    const D = load<f64>(bin, 8) + plan.categorySmoothing;
    store<f64>(keys + (k << 3), D > 0 ? load<f64>(bin) / D : 0);
  }
}

/** key ← w / (w + smoothing) · (p − p̄) · v, p the class shares of a category, v their first principal component. */
function shareKeys(plan: Plan, histogram: usize, list: usize, count: i32, keys: usize, vectors: usize): void {
  const bytes = (<usize>plan.classes) << 3;
  const mean = vectors + bytes * 2;
  const axis = vectors + bytes * 3;
  const next = vectors + bytes * 4;
  meanShares(histogram, list, count, mean, bytes);

  // axis ← the class with the largest Σ w (p_c − p̄_c)²
  memory.fill(next, 0, bytes);
  for (let k: usize = 0; k < <usize>count; k++) {
    const bin = histogram + (bytes + 8) * <usize>load<i32>(list + (k << 2));
    const w = weightOf(bin, bytes);
    if (!(w > 0)) continue;
    for (let o: usize = 0; o < bytes; o += 8) {
      const d = load<f64>(bin + o) / w - load<f64>(mean + o);
      store<f64>(next + o, load<f64>(next + o) + w * d * d);
    }
  }
  let most: usize = 0;
  for (let o: usize = 8; o < bytes; o += 8) if (load<f64>(next + o) > load<f64>(next + most)) most = o;
  memory.fill(axis, 0, bytes);
  store<f64>(axis + most, 1);

  for (let step = 0; step < STEPS; step++) {
    // next ← Σ w (p − p̄) ((p − p̄) · axis)
    memory.fill(next, 0, bytes);
    for (let k: usize = 0; k < <usize>count; k++) {
      const bin = histogram + (bytes + 8) * <usize>load<i32>(list + (k << 2));
      const w = weightOf(bin, bytes);
      if (!(w > 0)) continue;
      const along = w * project(bin, w, mean, axis, bytes);
      for (let o: usize = 0; o < bytes; o += 8) {
        store<f64>(next + o, load<f64>(next + o) + (load<f64>(bin + o) / w - load<f64>(mean + o)) * along);
      }
    }
    let square: f64 = 0;
    for (let o: usize = 0; o < bytes; o += 8) square += load<f64>(next + o) * load<f64>(next + o);
    if (!(square > 0)) break;
    // axis ← next / ‖next‖
    const norm = sqrt<f64>(square);
    for (let o: usize = 0; o < bytes; o += 8) store<f64>(axis + o, load<f64>(next + o) / norm);
  }

  for (let k: usize = 0; k < <usize>count; k++) {
    const bin = histogram + (bytes + 8) * <usize>load<i32>(list + (k << 2));
    const w = weightOf(bin, bytes);
    const key = w > 0 ? (w / (w + plan.categorySmoothing)) * project(bin, w, mean, axis, bytes) : 0;
    store<f64>(keys + (k << 3), key);
  }
}

/** mean ← the class shares of all categories together */
function meanShares(histogram: usize, list: usize, count: i32, mean: usize, bytes: usize): void {
  memory.fill(mean, 0, bytes);
  for (let k: usize = 0; k < <usize>count; k++) {
    const bin = histogram + (bytes + 8) * <usize>load<i32>(list + (k << 2));
    for (let o: usize = 0; o < bytes; o += 8) store<f64>(mean + o, load<f64>(mean + o) + load<f64>(bin + o));
  }
  const weight = weightOf(mean, bytes);
  if (weight > 0) for (let o: usize = 0; o < bytes; o += 8) store<f64>(mean + o, load<f64>(mean + o) / weight);
}

function weightOf(sums: usize, bytes: usize): f64 {
  let weight: f64 = 0;
  for (let o: usize = 0; o < bytes; o += 8) weight += load<f64>(sums + o);
  return weight;
}

/** (p − p̄) · axis */
function project(bin: usize, weight: f64, mean: usize, axis: usize, bytes: usize): f64 {
  let sum: f64 = 0;
  for (let o: usize = 0; o < bytes; o += 8) {
    sum += (load<f64>(bin + o) / weight - load<f64>(mean + o)) * load<f64>(axis + o);
  }
  return sum;
}
