/** Reading of the saved state of a model. */
import { TradewindError } from '../contracts/errors.ts';
import type { ArrayFile } from '../compute/arrays/safetensors.ts';

export interface StateReader {
  floats(name: string): Float32Array;
  doubles(name: string): Float64Array;
  integers(name: string): Int32Array;
  number(name: string): number;
  text(name: string): string;
}

/** @throws TradewindError `ARTIFACT_CORRUPT` when the state has another format or lacks what is asked for. */
export function readState({ arrays, metadata }: ArrayFile, format: string): StateReader {
  const corrupt = (rule: string, value?: string) =>
    new TradewindError('ARTIFACT_CORRUPT', {
      subject: `A saved state of format ${format}`,
      rule,
      value,
      remedy: 'Train the model again.',
    });
  if (metadata['format'] !== format) throw corrupt('name its format', metadata['format'] ?? 'none');

  function array<T>(name: string, Type: abstract new (...args: never[]) => T): T {
    const data = arrays[name]?.data;
    if (!(data instanceof Type)) throw corrupt(`hold "${name}" as ${Type.name}`);
    return data;
  }
  return {
    floats: (name) => array(name, Float32Array),
    doubles: (name) => array(name, Float64Array),
    integers: (name) => array(name, Int32Array),
    number(name) {
      const value = Number(metadata[name] ?? Number.NaN);
      if (!Number.isFinite(value)) throw corrupt(`hold the number "${name}"`, metadata[name]);
      return value;
    },
    text(name) {
      const value = metadata[name];
      if (value === undefined) throw corrupt(`hold "${name}"`);
      return value;
    },
  };
}
