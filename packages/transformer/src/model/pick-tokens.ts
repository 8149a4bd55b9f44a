import { type Interventions, modulePathOf, rulesOf } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import type { Pass } from './pass.js';
import { paddedLayout } from './token-layout.js';

/** From states `[batch, tokens, size]` to those of one token a text, `[batch, 1, size]`. */
export type TokenPick = (states: tf.Tensor) => tf.Tensor;

/** The first token, virtual ones counted. */
export const pickFirst: TokenPick = (states) => {
  const [batch, , size] = states.shape as [number, number, number];
  return states.slice([0, 0, 0], [batch, 1, size]);
};

/** The token at which `marks` `[batch, tokens]` is 1 and not 0: a product with rows that hold a single one. */
export const pickMarked =
  (marks: tf.Tensor): TokenPick =>
  (states) =>
    tf.matMul(marks.expandDims(1) as tf.Tensor3D, states as tf.Tensor3D);

/** True if nothing that acts at these modules reads more than the token that it changes. */
export const canPick = (modules: readonly { readonly path: string }[], interventions: Interventions): boolean =>
  !interventions.some(
    (item) =>
      'path' in item && rulesOf(item).readsOtherTokens(item) && modules.some(({ path }) => path === modulePathOf(item)),
  );

/** The pass of the picked tokens of states x in the layout of a pass. */
export const passOfPicked = <P extends Pass>(pick: TokenPick, x: tf.Tensor, pass: P): P => ({
  ...pass,
  attentionMask: tf.ones([pass.attentionMask.shape[0], 1], 'int32'),
  layout: paddedLayout,
  picked: { lead: x.shape.slice(0, -1), pick: (states) => pick(pass.layout.unpack(states)) },
});

/** The last states of picked tokens `[batch, 1, hidden]`, 0 where the layout leaves out padding and the token is one. */
export const withoutPadding = (x: tf.Tensor, pick: TokenPick, { layout, attentionMask }: Pass): tf.Tensor =>
  layout === paddedLayout ? x : x.mul(pick(attentionMask.toFloat().expandDims(2)));
