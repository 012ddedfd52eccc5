/** What a preparation has learned, as data; and as a file. */
import type { ArrayFile } from '../../compute/arrays/safetensors.ts';
import type { ColumnStepName } from '../../contracts/preparation.ts';
import type { ColumnDefinition } from '../../contracts/tables.ts';
import { arrayOf, corrupt, packNames, packState, unpackNames, unpackState, type PackedState } from './packing.ts';
import type { FittedPreparation, StepState } from './transformer.ts';

export interface FittedStep {
  readonly step: ColumnStepName;
  readonly state: StepState;
}

/** Columns that go through the same steps. */
export interface FittedGroup {
  readonly columns: readonly ColumnDefinition[];
  /** Of each column of strings or times, what makes numbers of it; none where the columns are numbers. */
  readonly byColumn: readonly FittedStep[];
  /** Steps on the numbers of all columns. */
  readonly onNumbers: readonly FittedStep[];
  /** float32 `[features]`: what stands for numbers that are missing after all steps; empty where none can be. */
  readonly otherwise: Float32Array;
}

export interface Fitted {
  readonly groups: readonly FittedGroup[];
  /** int32: the numbers of the features of all groups that selection has kept; without it, all are. */
  readonly kept?: Int32Array;
  readonly names: readonly string[];
  readonly kind: 'dense' | 'sparse';
  readonly report: FittedPreparation['report'];
}

const format = 'preparation-1';

interface PackedStep {
  step: ColumnStepName;
  state: PackedState;
}
interface Header {
  kind: Fitted['kind'];
  groups: { columns: readonly ColumnDefinition[]; byColumn: PackedStep[]; onNumbers: PackedStep[] }[];
  selected: boolean;
  report: Fitted['report'];
}

export function pack({ groups, kept, names, kind, report }: Fitted): ArrayFile {
  const arrays: ArrayFile['arrays'] = {};
  const header: Header = {
    kind,
    groups: groups.map(({ columns, byColumn, onNumbers, otherwise }, g) => {
      const packed = (steps: readonly FittedStep[], path: string) =>
        steps.map(({ step, state }, s) => ({ step, state: packState(state, `${g}/${path}/${s}`, arrays) }));
      arrays[`${g}/otherwise`] = { data: otherwise };
      return { columns, byColumn: packed(byColumn, 'columns'), onNumbers: packed(onNumbers, 'numbers') };
    }),
    selected: kept !== undefined,
    report,
  };
  packNames(names, 'names', arrays);
  if (kept !== undefined) arrays['kept'] = { data: kept };
  return { arrays, metadata: { format, preparation: JSON.stringify(header) } };
}

/** @throws TradewindError `ARTIFACT_CORRUPT` when the file is of another format, or lacks an array. */
export function unpack({ arrays, metadata }: ArrayFile): Fitted {
  if (metadata['format'] !== format) throw corrupt(`name the format ${format}`, metadata['format'] ?? 'none');
  const { kind, groups, selected, report } = headerOf(metadata['preparation']);
  const unpacked = (steps: PackedStep[]): FittedStep[] =>
    steps.map(({ step, state }) => ({ step, state: unpackState(state, arrays) }));
  return {
    groups: groups.map(({ columns, byColumn, onNumbers }, g) => ({
      columns,
      byColumn: unpacked(byColumn),
      onNumbers: unpacked(onNumbers),
      otherwise: arrayOf(arrays, `${g}/otherwise`) as Float32Array,
    })),
    kept: selected ? (arrayOf(arrays, 'kept') as Int32Array) : undefined,
    names: unpackNames('names', arrays),
    kind,
    report,
  };
}

function headerOf(json: string | undefined): Header {
  try {
    return JSON.parse(json ?? '') as Header;
  } catch {
    throw corrupt('have a header of JSON');
  }
}
