/** Normalisation with learned scale and shift. */
import { sameShape } from '../dimensions.ts';
import { axisOf, operation, refuse, requireSameType, requireType } from './definition.ts';

export const normalization = {
  /**
   * Over the axes from `axis` on: `(x − mean) · deviation⁻¹ · scale + shift`, where `deviation² = variance + epsilon`
   * and the variance is the mean of squares (no n − 1). Outputs are the result, the means and the `deviation⁻¹`, the
   * latter two with the normalised axes of size 1.
   */
  LayerNormalization: operation<{ axis: number; epsilon: number }>({
    since: 17,
    arity: { atLeast: 2, atMost: 3 },
    needed: 1,
    infer(inputs, { axis }) {
      const type = requireSameType(inputs);
      // onnxruntime's CPU provider gives means and deviations of other types as float32.
      requireType(inputs[0], ['float32']);
      const [{ shape }, ...factors] = inputs;
      const at = axisOf(axis, shape.length);
      const normalised = shape.slice(at);
      if (!factors.every((factor) => sameShape(factor.shape, normalised))) {
        refuse(`scale and shift must have the shape [${normalised.join(', ')}]`);
      }
      const kept = shape.map((dim, i) => (i < at ? dim : 1));
      return [
        { type, shape },
        { type, shape: kept },
        { type, shape: kept },
      ];
    },
    onnx: ({ axis, epsilon }) => ({ attributes: { axis: { int: axis }, epsilon: { float: epsilon } } }),
  }),
};
