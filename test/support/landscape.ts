/** What a trial finds in the tests of studies: a smooth function of its parameters with one best place. */
import type { ParameterValues } from '../../contracts/parameters.ts';

/** At most 1. The best of als is at regularization 3 and alpha 2, of item-knn at 100 neighbours and k1 1. */
export function heightOf(algorithm: string, parameters: ParameterValues): number {
  const of = (name: string) => parameters[name] as number;
  switch (algorithm) {
    case 'als':
      return 1 - Math.log10(of('regularization') / 3) ** 2 / 4 - (of('alpha') - 2) ** 2 / 16;
    case 'item-knn':
      return 0.9 - Math.log10(of('neighbours') / 100) ** 2 / 4 - Math.log10(of('k1')) ** 2 / 16;
    default:
      return 0.1;
  }
}

/** A learning curve that ends at `value`; low ones come nearer to their end early. */
export function curveOf(value: number, rung: number): number {
  return value - (0.3 + 0.2 * value) / rung;
}
