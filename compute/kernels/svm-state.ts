/** What changes while a support vector machine is solved, linear or with a kernel: copied, and put back to go on. */
import type { ArrayFile } from '../arrays/safetensors.ts';

/** Names of its arrays, and where they are in kernel memory. */
export type SvmState = readonly (readonly [name: string, view: Uint8Array | Float64Array | Int32Array])[];

export function copyState(state: SvmState): ArrayFile['arrays'] {
  return Object.fromEntries(state.map(([name, view]) => [name, { data: view.slice() }]));
}

/**
 * Puts copies back, all of them or none.
 * @param what - what the state is of, such as `3 problems`.
 * @throws RangeError where the arrays are not those of a copy of this state.
 */
export function restoreState(state: SvmState, arrays: ArrayFile['arrays'], what: string): void {
  for (const [name, view] of state) {
    const data = arrays[name]?.data;
    if (data?.constructor !== view.constructor || data.length !== view.length) {
      throw new RangeError(`A snapshot of ${what} must hold ${view.length} values "${name}".`);
    }
  }
  for (const [name, view] of state) (view as Float64Array).set(arrays[name].data as Float64Array);
}
