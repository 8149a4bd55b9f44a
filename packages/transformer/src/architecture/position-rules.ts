import * as tf from '@tensorflow/tfjs';

/** What position ids are made from. */
export interface PositionInputs {
  /** `[batch, tokens]` int32. */
  readonly inputIds: tf.Tensor2D;
  /** Virtual tokens of prompts before the text. */
  readonly virtual: number;
  /** What key/value prefixes that shift positions add to those of all tokens. */
  readonly offset: number;
  readonly padTokenId: number;
}

/** How a family numbers its tokens. */
export interface PositionRule {
  /** For whoever must write the rule down instead of calling it. */
  readonly name: 'countFromZero' | 'countText';
  /** Rows at the start of the table that no text uses. */
  reservedRows(padTokenId: number): number;
  /** Whether positions depend on which ids are padding, so that padding must use the id of config.json. */
  readonly readsPadding: boolean;
  /** Position ids `[1 or batch, virtual + tokens]` int32. */
  ids(inputs: PositionInputs): tf.Tensor2D;
}

/** 0, 1, 2, … for all tokens, padding among them. */
export const countFromZero: PositionRule = {
  name: 'countFromZero',
  reservedRows: () => 0,
  readsPadding: false,
  ids: ({ inputIds, virtual, offset }) =>
    tf.range(offset, offset + virtual + inputIds.shape[1], 1, 'int32').expandDims(0) as tf.Tensor2D,
};

/**
 * The number of tokens so far that are not padding, added to the padding's id; padding keeps the position of its id (fairseq's numbering).
 * Virtual tokens count as text. The ids decide, not the attention mask, as in HF transformers.
 */
export const countText: PositionRule = {
  name: 'countText',
  reservedRows: (padTokenId) => padTokenId + 1,
  readsPadding: true,
  ids: ({ inputIds, virtual, offset, padTokenId }) =>
    tf.tidy(() => {
      const isText = inputIds.notEqual(padTokenId).toInt();
      const counted = isText
        .cumsum(1)
        .add(tf.scalar(offset + virtual, 'int32'))
        .mul(isText)
        .add(tf.scalar(padTokenId, 'int32')) as tf.Tensor2D;
      if (virtual === 0) return counted;
      const first = padTokenId + 1 + offset;
      const ofPrompts = tf.range(first, first + virtual, 1, 'int32').expandDims(0);
      return tf.concat([ofPrompts.tile([inputIds.shape[0], 1]), counted], 1) as tf.Tensor2D;
    }),
};
