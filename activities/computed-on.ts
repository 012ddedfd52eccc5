import { instructionSet } from '../compute/kernels/isa.ts';

/**
 * Execution provider, machine and instruction set: part of the key of every step whose last bits depend on it. A fused
 * multiply-add rounds once where two operations round twice, so the two kinds of machines share no results.
 */
export function computedOn(): string {
  return `cpu/${process.arch}/${instructionSet()}`;
}
