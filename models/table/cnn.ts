/**
 * Convolutional network over features that are the pixels of an image, for classes and numbers: blocks of convolutions
 * (images.ts), each with twice the channels of the one before, then a layer of rectified units, and a softmax, for two
 * classes one logit, or a value.
 *
 * Pixels are centred one by one, and scaled all alike, as they are in one unit; one that does not vary has no weight.
 */
import { imageShapeOf } from './images.ts';
import { networkEstimator } from './network-estimator.ts';

export const cnn = networkEstimator('cnn', ['classes', 'number'], (parameters, x) => {
  const { imageHeight, imageWidth, channels, filters, blocks, hidden, maxShift, ...rest } = parameters;
  const shape = imageShapeOf('cnn', x.names.length, { height: imageHeight, width: imageWidth, channels });
  return {
    images: { shape, blocks: Array.from({ length: blocks }, (_, k) => filters * 2 ** k), maxShift },
    hidden: hidden === 0 ? [] : [hidden],
    scale: 'alike',
    penalty: 'program',
    ...rest,
  };
});
