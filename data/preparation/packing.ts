/** States of steps in a file of arrays: numbers and strings in its header, arrays and lists of strings beside it. */
import { TradewindError } from '../../contracts/errors.ts';
import { packStrings, unpackStrings, type ArrayFile, type TensorData } from '../../compute/arrays/safetensors.ts';
import type { StepState } from './transformer.ts';

/** What stands in the header for a state. */
export type PackedState = Readonly<
  Record<string, number | string | { readonly array: string } | { readonly strings: string }>
>;

/** @param path - what the state's arrays are called, in front of their own names. */
export function packState(state: StepState, path: string, arrays: ArrayFile['arrays']): PackedState {
  return Object.fromEntries(
    Object.entries(state).map(([key, value]) => {
      if (typeof value === 'number' || typeof value === 'string') return [key, value];
      const name = `${path}/${key}`;
      if (ArrayBuffer.isView(value)) {
        arrays[name] = { data: value as TensorData };
        return [key, { array: name }];
      }
      packNames(value, name, arrays);
      return [key, { strings: name }];
    }),
  );
}

export function packNames(names: readonly string[], path: string, arrays: ArrayFile['arrays']): void {
  const { bytes, offsets } = packStrings(names);
  arrays[`${path}/offsets`] = { data: offsets };
  arrays[`${path}/bytes`] = { data: bytes };
}

/** @throws TradewindError `ARTIFACT_CORRUPT` where an array is not in the file. */
export function unpackState(packed: PackedState, arrays: ArrayFile['arrays']): StepState {
  return Object.fromEntries(
    Object.entries(packed).map(([key, value]) => {
      if (typeof value !== 'object') return [key, value];
      return [key, 'array' in value ? arrayOf(arrays, value.array) : unpackNames(value.strings, arrays)];
    }),
  ) as StepState;
}

/** @throws TradewindError as `unpackState`. */
export function unpackNames(path: string, arrays: ArrayFile['arrays']): string[] {
  const [bytes, offsets] = [arrayOf(arrays, `${path}/bytes`), arrayOf(arrays, `${path}/offsets`)];
  if (!(bytes instanceof Uint8Array && offsets instanceof Int32Array)) throw corrupt(`hold "${path}" as strings`);
  return unpackStrings(bytes, offsets);
}

export function arrayOf(arrays: ArrayFile['arrays'], name: string): TensorData {
  if (!Object.hasOwn(arrays, name)) throw corrupt(`hold "${name}"`);
  return arrays[name].data;
}

export function corrupt(rule: string, value?: string): TradewindError {
  return new TradewindError('ARTIFACT_CORRUPT', {
    subject: 'The saved state of a preparation',
    rule,
    value,
    remedy: 'Fit the preparation again.',
  });
}
