/** Repetition. A body is a program of its own, which may read values of the program around it. */
import { sameShape, type Dim } from '../dimensions.ts';
import type { Program } from '../program.ts';
import { formatType, operation, refuse, requireType } from './definition.ts';

export interface LoopAttributes {
  /** Inputs: iteration (int64 scalar), condition (bool scalar), states. Outputs: condition, states, what is collected. */
  body: Program;
  /** Number of states. */
  states: number;
  /** What to call the number of iterations that were made, in the shapes of what is collected. */
  size: Dim;
}

export const control = {
  /**
   * `states ← body(iteration, states)` at most `trips` times and while the condition holds; the last states, and what
   * each iteration collects, stacked along a new first axis. The inputs are trips, condition, states, and then what the
   * body captures, which ONNX finds by name.
   */
  Loop: operation<LoopAttributes>({
    since: 16,
    arity: { atLeast: 2 },
    infer([trips, condition, ...rest], { body, states, size }) {
      requireType(trips, ['int64'], 'the number of trips');
      requireType(condition, ['bool'], 'the condition');
      if (trips.shape.length + condition.shape.length > 0) refuse('trips and condition must be scalars');
      const [proceed, ...results] = body.outputs.map(({ tensor }) => tensor);
      if (proceed.type !== 'bool' || proceed.shape.length > 0) refuse("the body's condition must be a bool scalar");
      for (const [i, before] of rest.slice(0, states).entries()) {
        const after = results[i];
        if (after.type !== before.type || !sameShape(after.shape, before.shape)) {
          const name = body.outputs[i + 1].name;
          refuse(`the state "${name}" must stay ${formatType(before)}, not become ${formatType(after)}`);
        }
      }
      return results.map(({ type, shape }, i) => ({ type, shape: i < states ? shape : [size, ...shape] }));
    },
    onnx: ({ body, states }) => ({ attributes: { body: { body } }, inputs: 2 + states }),
  }),
};
