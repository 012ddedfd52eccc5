/**
 * Features that are the pixels of an image, row by row from its top, the channels of a pixel side by side; and blocks
 * of convolutions over them (Y. LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998): windows
 * of 3 × 3, the greatest of each 2 × 2, a normalisation, a rectifier. The pool comes first, as what follows it has a
 * quarter to do then.
 */
import { TradewindError } from '../../contracts/errors.ts';
import type { Graph } from '../../compute/graph/graph.ts';
import type { CountedRandom } from '../../compute/graph/layers/random.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import { shifted, type Gain, type Shift } from './network.ts';

export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

export interface Block<T> {
  /** float32 `[outer, inner, 3, 3]` */
  readonly w: T;
  /** What pooled units are multiplied by, and what is added then; both `[outer]`. */
  readonly scale?: T;
  readonly b?: T;
  /** Of a layer norm over the channels of a place. */
  readonly norm?: Gain<T>;
}

/**
 * @param wanted - sizes of an image, 0 where they follow from the number of features; without either, it is a square.
 * @throws TradewindError `PARAMETER_INVALID` where they do not make that number.
 */
export function imageShapeOf(algorithm: string, features: number, wanted: ImageShape): ImageShape {
  const { height, width, channels } = wanted;
  const pixels = features / channels;
  const side = Math.sqrt(pixels);
  const shape = {
    height: height || (width ? pixels / width : side),
    width: width || (height ? pixels / height : side),
    channels,
  };
  const sizes = [shape.height, shape.width];
  if (sizes.every((size) => Number.isInteger(size) && size > 0) && shape.height * shape.width === pixels) return shape;
  const said = [`imageHeight ${height || '(left open)'}`, `imageWidth ${width || '(left open)'}`];
  throw new TradewindError('PARAMETER_INVALID', {
    subject: `The size of the images that ${algorithm} learns from`,
    rule: 'make as many pixels as there are features: imageHeight × imageWidth × channels, a square where both are left open',
    value: `${features} features for ${said.join(', ')}, channels ${channels}`,
    remedy: 'Correct the sizes, or leave columns that are no pixels out of the preparation.',
  });
}

/** Sizes of the windows of which a block keeps the greatest. */
export function poolOf(size: readonly number[]): number[] {
  return size.map((pixels) => Math.min(2, pixels));
}

/** Sizes of an image after each block, the image's own first. */
export function sizesAfter({ height, width }: ImageShape, blocks: number): number[][] {
  const sizes = [[height, width]];
  for (let k = 0; k < blocks; k++) {
    const pool = poolOf(sizes[k]);
    sizes.push(sizes[k].map((pixels, i) => Math.floor(pixels / pool[i])));
  }
  return sizes;
}

/** Features as images, centred and scaled: `[batch, channels, height, width]`. */
export function imagesOf(
  g: Graph,
  features: Tensor<'float32'>,
  shift: Shift,
  { height, width, channels }: ImageShape,
): Tensor<'float32'> {
  const x = shifted(g, features, shift);
  const batch = x.shape[0];
  if (channels === 1) return g.reshape(x, [batch, 1, height, width]);
  return g.transpose(g.reshape(x, [batch, height, width, channels]), [0, 3, 1, 2]);
}

/** What trained blocks leave of images, in one row each: `[batch, channels × places]`, channels slowest. */
export function convolved(
  g: Graph,
  images: Tensor<'float32'>,
  blocks: readonly Block<Tensor<'float32'>>[],
): Tensor<'float32'> {
  let x = images;
  for (const { w, scale, b, norm } of blocks) {
    const pool = poolOf(x.shape.slice(2) as number[]);
    const across = (units: Tensor<'float32'>) => g.reshape(units, [units.shape[0], 1, 1]);
    x = g.maxPool(g.conv(x, w, undefined, { pads: 1 }), pool);
    if (scale !== undefined) x = g.mul(x, across(scale));
    if (b !== undefined) x = g.add(x, across(b));
    if (norm !== undefined) {
      x = g.transpose(g.layerNorm(g.transpose(x, [0, 2, 3, 1]), norm.gain, norm.shift), [0, 3, 1, 2]);
    }
    x = g.relu(x);
  }
  const [batch, ...inner] = x.shape as [(typeof x.shape)[0], ...number[]];
  return g.reshape(x, [batch, inner.reduce((product, size) => product * size, 1)]);
}

/**
 * Images moved by up to so many pixels up or down, left or right, each by itself; what comes in is what was at the edge.
 * @param features - `[batch, pixels × channels]`.
 */
export function moved(
  g: Graph,
  features: Tensor<'float32'>,
  { height, width, channels }: ImageShape,
  most: number,
  random: CountedRandom,
): Tensor<'float32'> {
  if (most === 0) return features;
  const batch = features.shape[0];
  const along = (size: number, shape: readonly number[]): Tensor<'int64'> => {
    const by = g.sub(random.integers(2 * most + 1, [batch, 1]), most);
    const places = g.range('int64', 0, size, 1, size);
    return g.reshape(g.max(g.min(g.add(by, g.reshape(places, [1, size])), size - 1), 0), [batch, ...shape]);
  };
  const rows = along(height, [height, 1, 1]);
  const columns = along(width, [1, width, 1]);
  const pixel = g.add(g.mul(rows, width), columns);
  const channel = g.range('int64', 0, channels, 1, channels);
  const place = g.add(g.mul(pixel, channels), g.reshape(channel, [1, 1, 1, channels]));
  return g.gatherElements(features, g.reshape(place, [batch, height * width * channels]), 1);
}
