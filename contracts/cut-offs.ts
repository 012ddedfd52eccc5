/**
 * Cut-offs of a split in time: a date, or so many days before the end of the data, so that a schedule learns from later
 * days without anybody touching the spec. Free of libraries: workflows resolve them.
 */
const millisecondsPerDay = 86_400_000;

export const cutOffPattern = /^(\d{4}-\d{2}-\d{2}|-[1-9]\d{0,4}d)$/;

export interface CutOffs {
  validationFrom: string;
  testFrom: string;
  testUntil?: string | undefined;
}

export function isDate(cutOff: string): boolean {
  return !cutOff.startsWith('-');
}

/**
 * @param cutOff - `2017-12-01`, or `-31d`: the last 31 days of the data begin there
 * @param lastDay - `YYYY-MM-DD` of the last event
 */
export function resolveCutOff(cutOff: string, lastDay: string): string {
  if (isDate(cutOff)) return cutOff;
  const end = Date.parse(`${lastDay}T00:00:00Z`) + millisecondsPerDay;
  return new Date(end - Number(cutOff.slice(1, -1)) * millisecondsPerDay).toISOString().slice(0, 10);
}

/** True, false, or `undefined` where only the data can tell. */
export function isBefore(a: string, b: string): boolean | undefined {
  if (isDate(a) !== isDate(b)) return undefined;
  return isDate(a) ? a < b : Number(a.slice(1, -1)) > Number(b.slice(1, -1));
}

/** All as dates. */
export function resolveCutOffs<T extends CutOffs>(split: T, lastDay: string): T {
  const { validationFrom, testFrom, testUntil } = split;
  return {
    ...split,
    validationFrom: resolveCutOff(validationFrom, lastDay),
    testFrom: resolveCutOff(testFrom, lastDay),
    ...(testUntil === undefined ? {} : { testUntil: resolveCutOff(testUntil, lastDay) }),
  };
}
