/**
 * The leaves that may be split, a heap: its first node has the largest gain, of equal gains the lowest number. Shared
 * source of the tree kernels.
 */
import { Task } from './tree-layout';

function before(task: Task, a: i32, b: i32): bool {
  const x = task.node(a).gain;
  const y = task.node(b).gain;
  return x > y || (x === y && a < b);
}

function heapAt(task: Task, at: i32): usize {
  return task.heap + ((<usize>at) << 2);
}

export function push(task: Task, k: i32): void {
  let at = task.heapCount++;
  while (at > 0) {
    const up = (at - 1) >> 1;
    const other = load<i32>(heapAt(task, up));
    if (!before(task, k, other)) break;
    store<i32>(heapAt(task, at), other);
    at = up;
  }
  store<i32>(heapAt(task, at), k);
}

export function pop(task: Task): i32 {
  const top = load<i32>(task.heap);
  const count = --task.heapCount;
  const k = load<i32>(heapAt(task, count));
  let at = 0;
  for (;;) {
    let down = 2 * at + 1;
    if (down >= count) break;
    if (down + 1 < count && before(task, load<i32>(heapAt(task, down + 1)), load<i32>(heapAt(task, down)))) down++;
    const other = load<i32>(heapAt(task, down));
    if (!before(task, other, k)) break;
    store<i32>(heapAt(task, at), other);
    at = down;
  }
  store<i32>(heapAt(task, at), k);
  return top;
}
