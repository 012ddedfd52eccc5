/** What the kernels compute with on this machine: part of the key under which a computed result is stored. */
import { instantiate, kernelModule } from './load.ts';

/**
 * `wasm-relaxed-fma` where `f32x4.relaxed_madd` rounds once, `wasm-relaxed` where it rounds twice. Results differ in
 * their last bits between the two, and are the same among machines of one kind.
 * @throws TradewindError `PREREQUISITE_MISSING` when the kernels have not been built.
 */
export function instructionSet(): 'wasm-relaxed-fma' | 'wasm-relaxed' {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const { madd } = instantiate(kernelModule('probe'), memory);
  // (1 + 2⁻¹²)² − (1 + 2⁻¹¹) = 2⁻²⁴, which only a fused operation keeps.
  return madd(1 + 2 ** -12, 1 + 2 ** -12, -(1 + 2 ** -11)) === 0 ? 'wasm-relaxed' : 'wasm-relaxed-fma';
}
