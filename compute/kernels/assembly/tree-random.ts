/** The generator of `contracts/random.ts`, on the state that a task holds. Shared source of the tree kernels. */
import { Task } from './tree-layout';

/** Uniform over [0, n), as `integer` of `contracts/random.ts`. */
export function integer(task: Task, n: u32): u32 {
  const accepted: u64 = 0x100000000 - (0x100000000 % <u64>n);
  let x: u32;
  do x = bits(task);
  while (<u64>x >= accepted);
  return x % n;
}

/** xoshiro128**, as `bits` of `contracts/random.ts`. */
function bits(task: Task): u32 {
  const b = task.b;
  const result = rotl<u32>(b * 5, 7) * 9;
  task.c ^= task.a;
  task.d ^= b;
  task.b ^= task.c;
  task.a ^= task.d;
  task.c ^= b << 9;
  task.d = rotl<u32>(task.d, 11);
  return result;
}
