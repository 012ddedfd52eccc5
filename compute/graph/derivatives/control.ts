/** Derivatives of repetition. */
import { refused } from './definition.ts';

export const control = {
  Loop: refused(
    'what each iteration computed is not kept. Write its steps out one after the other, or take the gradient within ' +
      'the body, as training does',
  ),
};
