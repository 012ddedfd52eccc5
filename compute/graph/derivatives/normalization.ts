/** Derivatives of normalisation. */
import { refuse } from '../operations/definition.ts';
import type { AttributesOf } from '../operations/table.ts';
import { sumTo, times, type Backward } from './definition.ts';

export const normalization = {
  // With x̂ = (x − mean) · deviation⁻¹ and y = x̂ · scale + shift: ∂scale = Σ g x̂, ∂shift = Σ g, and for h = g · scale,
  // ∂x = deviation⁻¹ · (h − mean(h) − x̂ · mean(h x̂)), in which the means go over the normalised axes.
  LayerNormalization: (backward: Backward<AttributesOf<'LayerNormalization'>>) => {
    const { graph, attributes, wanted, gradients } = backward;
    const [x, scale, shift] = backward.inputs;
    const [, mean, inverse] = backward.outputs;
    if (gradients[1] ?? gradients[2]) refuse('its means and deviations have no rule');
    const g = gradients[0]!;
    const first = attributes.axis < 0 ? attributes.axis + x.shape.length : attributes.axis;
    const axes = Array.from({ length: x.shape.length - first }, (_, i) => first + i);
    const standard = graph.mul(graph.sub(x, mean), inverse);
    const toInput = () => {
      const h = times(graph, g, scale);
      const along = graph.mul(standard, graph.mean(graph.mul(h, standard), axes, true));
      return graph.mul(graph.sub(graph.sub(h, graph.mean(h, axes, true)), along), inverse);
    };
    return [
      wanted[0] ? toInput() : undefined,
      wanted[1] ? sumTo(graph, times(graph, g, standard), scale.shape) : undefined,
      shift && wanted[2] ? sumTo(graph, g, shift.shape) : undefined,
    ];
  },
};
