import type { OutputEmbeddings } from '@tfjs-peft/peft-core';
import { timesTransposed } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';

/** Numbers of logits that may stand in memory at once: 16 MB of them. */
const most = 1 << 22;

/** Which tokens are to be predicted from which states. */
export interface PredictedTokens {
  /** `[n, hidden]` */
  readonly states: tf.Tensor2D;
  /** `[n]` int32, the token that follows each state. */
  readonly ids: tf.Tensor1D;
  /** `[n]`, what the loss of each counts. */
  readonly weights: tf.Tensor1D;
  /** Share of the target that is spread over the whole vocabulary. */
  readonly labelSmoothing: number;
}

/**
 * `Σ_i weights_i · ((1 - ε) · -log p_i(ids_i) + ε · mean_v -log p_i(v))` for p = softmax(states · tableᵀ), with ε the label smoothing. Logits are made block by
 * block and never stand in memory for all states; so is the gradient, in the same pass, since the loss is a number. Differentiable in the states,
 * and in the table where it is not frozen. `block`: how many states at a time.
 */
export function vocabularyLoss(
  tokens: PredictedTokens,
  { table, frozen }: OutputEmbeddings,
  block = Math.max(1, Math.floor(most / table.shape[0])),
): tf.Scalar {
  const inputs: tf.Tensor[] = frozen ? [tokens.states] : [tokens.states, table];
  return tf.customGrad((...given) => {
    const save = given.at(-1) as tf.GradSaveFunc;
    const [states, trained] = given.slice(0, -1) as [tf.Tensor2D, tf.Tensor2D | undefined];
    const { loss, slopes } = lossAndSlopes({ ...tokens, states }, trained ?? table, frozen, block);
    save(slopes);
    // The loss is a scalar: what comes from behind is one number.
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => saved.map((slope) => slope.mul(dy));
    return { value: loss, gradFunc };
  })(...inputs) as tf.Scalar;
}

/** Only while a gradient is recorded is it worth making. */
const isRecording = () => tf.engine().state.gradientDepth > 0;

function lossAndSlopes(tokens: PredictedTokens, table: tf.Tensor2D, frozen: boolean, block: number) {
  const count = tokens.states.shape[0];
  const recording = isRecording();
  const losses: tf.Tensor[] = [];
  const ofStates: tf.Tensor2D[] = [];
  let ofTable: tf.Tensor | undefined;
  return tf.tidy(() => {
    const smoothing = smoothingOf(tokens.labelSmoothing, table);
    for (let start = 0; start < count; start += block) {
      const size = Math.min(block, count - start);
      const part = tf.tidy(() => ofBlock(sliced(tokens, start, size), table, smoothing, recording, frozen));
      losses.push(part.loss);
      if (part.ofStates) ofStates.push(part.ofStates);
      if (part.ofTable) {
        const sum: tf.Tensor = ofTable ? ofTable.add(part.ofTable) : part.ofTable;
        if (ofTable) tf.dispose([ofTable, part.ofTable]);
        ofTable = sum;
      }
    }
    const loss = tf.addN(losses) as tf.Scalar;
    if (!recording) return { loss, slopes: [] };
    return { loss, slopes: [tf.concat(ofStates, 0), ...(ofTable ? [ofTable] : [])] };
  });
}

const sliced = ({ states, ids, weights, labelSmoothing }: PredictedTokens, start: number, size: number) => ({
  states: states.slice([start, 0], [size, -1]),
  ids: ids.slice(start, size),
  weights: weights.slice(start, size),
  labelSmoothing,
});

type BlockResult = { readonly loss: tf.Scalar; readonly ofStates?: tf.Tensor2D; readonly ofTable?: tf.Tensor2D };

/** The share that is spread, times the mean of the table's rows `[hidden]`, whose product with a state is the mean of its logits; null for none. */
const smoothingOf = (share: number, table: tf.Tensor2D): tf.Tensor1D | null =>
  share > 0 ? table.mean<tf.Tensor1D>(0).mul<tf.Tensor1D>(share) : null;

/** One block. */
function ofBlock(
  { states, ids, weights, labelSmoothing: share }: PredictedTokens,
  table: tf.Tensor2D,
  smoothing: tf.Tensor1D | null,
  recording: boolean,
  frozen: boolean,
): BlockResult {
  const logits = timesTransposed(states, table);
  // What is as large as the logits goes as soon as it was used.
  const total = tf.tidy(() => {
    const largest = logits.max(1, true);
    return logits.sub(largest).exp().sum(1, true).log().add(largest);
  });
  const rows = tf.gather(table, ids);
  const wanted = withSmoothing(rows.mul(1 - share), smoothing);
  const each = total.squeeze([1]).sub(states.mul(wanted).sum(1));
  const loss = each.mul(weights).sum() as tf.Scalar;
  if (!recording) return { loss };
  const column = weights.expandDims(1);
  const probabilities = tf.tidy(() => logits.sub(total).exp()) as tf.Tensor2D;
  const expected = tf.matMul(probabilities, table);
  const ofStates = expected.sub(wanted).mul(column) as tf.Tensor2D;
  if (frozen) return { loss, ofStates };
  const weighted = states.mul(column) as tf.Tensor2D;
  const ofTable = tf
    .matMul(probabilities, weighted, true, false)
    .sub(tf.scatterND(ids.expandDims(1), weighted.mul(1 - share), table.shape))
    .sub(weighted.sum(0).mul(share / table.shape[0])) as tf.Tensor2D;
  return { loss, ofStates, ofTable };
}

/** Rows `[n, hidden]` of the wanted tokens with what is spread. */
const withSmoothing = (rows: tf.Tensor, smoothing: tf.Tensor1D | null): tf.Tensor =>
  smoothing ? rows.add(smoothing) : rows;
