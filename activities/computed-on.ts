import { instructionSet } from '../compute/kernels/isa.ts';
import type { Execution } from '../contracts/execution.ts';

/**
 * Execution provider, machine and instruction set: part of the key of every step whose last bits depend on it. A fused
 * multiply-add rounds once where two operations round twice, and each kind of GPU adds in an order of its own, so that
 * different kinds of machines share no results.
 * @param hardware - the GPU, where it is known
 */
export function computedOn({ provider }: Execution, hardware?: string): string {
  return `${provider}${hardware === undefined ? '' : `(${hardware})`}/${process.arch}/${instructionSet()}`;
}
