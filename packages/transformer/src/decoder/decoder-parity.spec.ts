import { evaluationContext, type HostInputs } from '@tfjs-peft/peft-core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { goldenFolder, maxDifference, openFile, readGolden, readJson } from '../../test/test-hosts.js';
import { createDecoderHost, type DecoderHost } from './create-host.js';

useTestBackend();

/** Largest difference to HF transformers, as promised. */
const tolerance = 2e-5;

describe.each(['tiny-gpt2', 'tiny-llama', 'tiny-qwen2', 'tiny-qwen3'])('parity with HF transformers: %s', (name) => {
  const folder = new URL(`${name}/`, goldenFolder);
  let host: DecoderHost;
  let golden: Map<string, tf.Tensor>;
  beforeAll(async () => {
    const tensors = await openFile(new URL('model.safetensors', folder));
    host = await createDecoderHost({ config: await readJson(new URL('config.json', folder)), tensors, name });
    golden = await readGolden(name);
  });
  afterAll(() => {
    host.dispose();
    tf.dispose([...golden.values()]);
  });

  const inputsOf = (text: string): HostInputs => ({
    inputIds: golden.get(`${text}.input_ids`) as tf.Tensor2D,
    attentionMask: golden.get(`${text}.attention_mask`) as tf.Tensor2D,
  });
  const contextOf = ({ inputIds }: HostInputs) => evaluationContext(host.spec, inputIds.shape[0]);
  const logitsOf = (states: tf.Tensor, table: tf.Tensor2D) =>
    tf
      .matMul(states.reshape([-1, states.shape[2]!]), table, false, true)
      .reshape([states.shape[0]!, states.shape[1]!, -1]);

  it.each(['single', 'batch'])('hidden states and logits of the next token: %s', async (text) => {
    const inputs = inputsOf(text);
    const isText = inputs.attentionMask.toFloat().expandDims(2);
    const { lastHiddenState, outputEmbeddings } = host.forward(inputs, [], contextOf(inputs));
    const states = golden.get(`${text}.last_hidden_state`)!;
    expect(await maxDifference(lastHiddenState.mul(isText), states.mul(isText))).toBeLessThan(tolerance);
    const logits = logitsOf(lastHiddenState, outputEmbeddings!.table);
    expect(await maxDifference(logits.mul(isText), golden.get(`${text}.logits`)!.mul(isText))).toBeLessThan(tolerance);
  });

  it('logits of a classifier on the last token', async () => {
    const inputs = inputsOf('batch');
    const weight = golden.get('score.weight')!;
    const head = { kind: 'readout', readout: 'last', weight, bias: tf.zeros([3]), dropout: 0 } as const;
    const { logits } = host.forward(inputs, [head], contextOf(inputs));
    expect(await maxDifference(logits!, golden.get('batch.score')!)).toBeLessThan(tolerance);
  });

  it('is the same without computing padding', async () => {
    const inputs = inputsOf('batch');
    const [batch, tokens] = inputs.inputIds.shape;
    const mask = await inputs.attentionMask.data();
    const places = Array.from({ length: batch * tokens }, (_, i) => i).filter((i) => mask[i] === 1);
    const isText = inputs.attentionMask.toFloat().expandDims(2);
    const packed = { ...inputs, textPositions: tf.tensor1d(places, 'int32') };
    const states = host.forward(packed, [], contextOf(inputs)).lastHiddenState;
    expect(await maxDifference(states.mul(isText), golden.get('batch.last_hidden_state')!.mul(isText))).toBeLessThan(
      tolerance,
    );
  });

  it('is the same token by token, with what it remembers', async () => {
    const { inputIds } = inputsOf('single');
    const pieces = [4, 1, 1, 3];
    let past: ReturnType<DecoderHost['continue']>['past'] | undefined;
    const found: tf.Tensor[] = [];
    let start = 0;
    for (const size of pieces) {
      const piece = inputIds.slice([0, start], [1, size]);
      const inputs = { inputIds: piece, attentionMask: tf.onesLike(piece) };
      const outputs = host.continue(inputs, [], contextOf(inputs), past);
      past = outputs.past;
      found.push(outputs.lastHiddenState);
      start += size;
    }
    expect(await maxDifference(tf.concat(found, 1), golden.get('single.last_hidden_state')!)).toBeLessThan(tolerance);
  });

  it('is the same with padding on the left, which is numbered by the text', async () => {
    const { inputIds, attentionMask } = inputsOf('single');
    const turned: [number, number][] = [
      [0, 0],
      [5, 0],
    ];
    const inputs: HostInputs = { inputIds: inputIds.pad(turned, 7), attentionMask: attentionMask.pad(turned) };
    const states = host.forward(inputs, [], contextOf(inputs)).lastHiddenState.slice([0, 5, 0], [-1, -1, -1]);
    expect(await maxDifference(states, golden.get('single.last_hidden_state')!)).toBeLessThan(tolerance);
  });

  it('keeps documents of one row apart', async () => {
    const [first, second] = [inputsOf('single').inputIds, inputsOf('batch').inputIds.slice([0, 0], [1, 11])];
    const inputIds = tf.concat([first, second], 1);
    const documentIds = tf.tensor2d([...Array(9).fill(0), ...Array(11).fill(1)], [1, 20], 'int32');
    const inputs = { inputIds, attentionMask: tf.onesLike(inputIds), documentIds };
    const states = host.forward(inputs, [], contextOf(inputs)).lastHiddenState;
    const apart = tf.concat(
      [golden.get('single.last_hidden_state')!, golden.get('batch.last_hidden_state')!.slice([0, 0, 0], [1, 11, -1])],
      1,
    );
    expect(await maxDifference(states, apart)).toBeLessThan(tolerance);
  });
});
