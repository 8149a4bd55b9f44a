import * as tf from '@tensorflow/tfjs';
import type { Adapter } from './adapter.js';
import { type Context, evaluationContext } from './context.js';
import { PeftError } from './errors.js';
import type { Host, HostInputs } from './host.js';
import { substream } from './random-stream.js';

/**
 * One batch in which every example has an adapter of its own choice: logits `[batch, labels]`, differentiable. `choice[b]` is the index of
 * the adapter of example b. Examples of one adapter run in one pass, so that any method can be mixed with any other at no more than the
 * products of a plain batch, and each example gets exactly what it would get alone. Call inside `tf.tidy`.
 * Errors: `ROWS_INVALID` (choices and batch differ, a choice without an adapter), `LOGITS_MISSING`, `LABELS_MISMATCH`.
 */
export function runRows(
  host: Host,
  adapters: readonly Adapter[],
  choice: readonly number[],
  inputs: HostInputs,
  context: Context = evaluationContext(host.spec, choice.length),
): tf.Tensor2D {
  checkChoice(adapters, choice, inputs);
  const groups = adapters
    .map((adapter, index) => ({
      adapter,
      index,
      rows: choice.flatMap((chosen, row) => (chosen === index ? [row] : [])),
    }))
    .filter(({ rows }) => rows.length > 0);
  const logits = groups.map(({ adapter, index, rows }) => {
    const { dropout, draws } = context.streams;
    const own: Context = {
      ...context,
      batchSize: rows.length,
      reads: 'logits',
      streams: { dropout: substream(dropout, index), draws: substream(draws, index) },
    };
    const outputs = host.forward(takeRows(inputs, rows), adapter.method.intervene(adapter.effective, own), own);
    if (outputs.logits) return outputs.logits;
    throw new PeftError('LOGITS_MISSING', {
      found: `adapter ${index} has no head`,
      expected: 'adapters with a head',
      fix: 'compose it with head({ labels })',
    });
  });
  const labels = [...new Set(logits.map(({ shape }) => shape[1]))];
  if (labels.length > 1)
    throw new PeftError('LABELS_MISMATCH', {
      found: `adapters with ${labels.join(' and ')} labels in one batch`,
      expected: 'one number of labels',
      fix: 'run a batch for each number of labels',
    });
  const order = groups.flatMap(({ rows }) => rows);
  const back = order.map((_, row) => order.indexOf(row));
  return tf.gather(tf.concat(logits, 0), tf.tensor1d(back, 'int32')) as tf.Tensor2D;
}

/** Tensors `[batch, tokens]` become `[rows, tokens]`. `textPositions` count rows that are no longer there: a host without them computes padding too. */
function takeRows(
  { inputIds, attentionMask, tokenTypeIds, documentIds, textPositions: _, ...others }: HostInputs,
  rows: readonly number[],
): HostInputs {
  // Does not compile once inputs have another field, which would be lost here.
  others satisfies Readonly<Record<string, never>>;
  const indices = tf.tensor1d([...rows], 'int32');
  const take = (tensor: tf.Tensor2D) => tf.gather(tensor, indices);
  return {
    inputIds: take(inputIds),
    attentionMask: take(attentionMask),
    ...(tokenTypeIds && { tokenTypeIds: take(tokenTypeIds) }),
    ...(documentIds && { documentIds: take(documentIds) }),
  };
}

function checkChoice(adapters: readonly Adapter[], choice: readonly number[], { inputIds }: HostInputs): void {
  const outside = choice.find((index) => !Number.isInteger(index) || !(index in adapters));
  if (choice.length === inputIds.shape[0] && outside === undefined) return;
  throw new PeftError('ROWS_INVALID', {
    found: `${choice.length} choices for a batch of ${inputIds.shape[0]}${outside === undefined ? '' : `, among them ${outside}`}`,
    expected: `for each example an index from 0 to ${adapters.length - 1}`,
  });
}
