import {
  type Context,
  createStream,
  type Host,
  type HostInputs,
  type Readout,
  sitesOfKind,
} from '@tfjs-peft/peft-core';
import type { Intervention, Interventions, ReadoutMap } from '@tfjs-peft/peft-core/interventions';
import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { maxDifference, someInputs } from '../../test/test-hosts.js';
import { createRandomDecoder } from '../decoder/create-random-host.js';
import { createRandomHost } from '../encoder/create-random-host.js';

useTestBackend();

const sizes = {
  hiddenSize: 8,
  numAttentionHeads: 2,
  intermediateSize: 12,
  vocabSize: 20,
  maxPositionEmbeddings: 24,
  dropout: 0.2,
};
const encoders = ['bert', 'roberta', 'distilbert', 'electra', 'mpnet', 'albert', 'deberta-v2', 'modernbert'] as const;
const decoders = ['gpt2', 'llama', 'qwen3'] as const;

const contextOf = (host: Host, reads?: 'logits', mode: Context['mode'] = 'train'): Context => ({
  mode,
  host: host.spec,
  batchSize: 3,
  streams: { dropout: createStream(3), draws: createStream(4) },
  ...(reads && { reads }),
});

const inputsOf = (): HostInputs => someInputs(3, 6, 20);
/** Without padding: where the text stands in the flattened batch, a row of which is one token shorter than the one before. */
const packed = (inputs: HostInputs): HostInputs => ({
  ...inputs,
  textPositions: tf.tensor1d([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15], 'int32'),
});

const normal = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 0.5, 'float32', seed);
const headAt = (readout: Readout, size: number): ReadoutMap => ({
  kind: 'readout',
  readout,
  weight: normal([2, size], 1),
  bias: normal([2], 2),
  dropout: 0.1,
});

/** Something at every site of the last layer that treats each token for itself, and a prefix and a prompt before the text. */
function effects({ spec }: Host): Intervention[] {
  const last = Math.max(...sitesOfKind(spec, 'attention').map(({ layer }) => layer));
  const ofLast = <S extends { readonly layer?: number }>(sites: readonly S[]) =>
    sites.filter(({ layer }) => layer === last);
  return [
    ...ofLast(sitesOfKind(spec, 'linear')).map(({ path, inputSize, outputSize }): Intervention => ({
      kind: 'lowRankDelta',
      path,
      down: normal([3, inputSize, 2], 5),
      up: normal([2, outputSize], 6),
      scale: 0.5,
      dropout: 0.2,
    })),
    ...ofLast(sitesOfKind(spec, 'sublayer')).map(({ path }): Intervention => ({
      kind: 'sublayerAdapter',
      path,
      placement: 'parallel',
      apply: (x) => x.tanh(),
      perToken: true,
    })),
    ...sitesOfKind(spec, 'attention').map(({ path, heads, headSize }): Intervention => ({
      kind: 'keyValuePrefix',
      path,
      keys: normal([heads, 2, headSize], 7),
      values: normal([3, heads, 2, headSize], 8),
      positions: 'none',
    })),
    ...sitesOfKind(spec, 'embeddings').map(({ size }): Intervention => ({
      kind: 'tokenPrefix',
      embeddings: normal([2, size], 9),
    })),
  ];
}

/** Logits of a whole pass, and of one that says that only logits are read. */
const bothWays = (host: Host, inputs: HostInputs, interventions: Interventions, mode?: Context['mode']) =>
  ([undefined, 'logits'] as const).map(
    (reads) => host.forward(inputs, interventions, contextOf(host, reads, mode)).logits!,
  );

const hostOf = (type: (typeof encoders)[number] | (typeof decoders)[number]): Promise<Host> =>
  decoders.some((known) => known === type)
    ? createRandomDecoder({ ...sizes, modelType: type as (typeof decoders)[number] }, 2)
    : createRandomHost({ ...sizes, modelType: type as (typeof encoders)[number] }, 2);

describe.each([...encoders, ...decoders])('a pass of which only logits are read: %s', (type) => {
  it('gives the logits of the whole pass with dropout, prefixes, prompts, adapters, with and without padding', async () => {
    const host = await hostOf(type);
    const { readouts, size } = sitesOfKind(host.spec, 'readout')[0]!;
    const withEffects = effects(host);
    for (const readout of readouts)
      for (const inputs of [inputsOf(), packed(inputsOf())]) {
        const [whole, alone] = bothWays(host, inputs, [...withEffects, headAt(readout, size)]);
        expect(await maxDifference(whole!, alone!)).toBeLessThan(3e-6);
      }
    host.dispose();
  });
});

describe('a pass of which only logits are read', () => {
  const modelType = 'bert';

  it('has the gradients of the whole pass', async () => {
    const host = await createRandomHost({ ...sizes, modelType });
    const [site] = sitesOfKind(host.spec, 'linear');
    const up = normal([2, site!.outputSize], 1);
    const gradient = (reads?: 'logits') =>
      tf.grad((x: tf.Tensor) => {
        const delta = { kind: 'lowRankDelta', path: site!.path, down: normal([8, 2], 2), up: x, scale: 1 } as const;
        return host
          .forward(inputsOf(), [delta, headAt('cls', 8)], contextOf(host, reads))
          .logits!.square()
          .sum();
      })(up);
    expect(await maxDifference(gradient(), gradient('logits'))).toBeLessThan(1e-5);
    host.dispose();
  });

  it('computes one token a text after the last attention, unless something there reads the others', async () => {
    const host = await createRandomHost({ ...sizes, modelType });
    const seen: number[][] = [];
    const watch = (perToken: boolean): Intervention => ({
      kind: 'hiddenDelta',
      path: 'encoder.layer.1',
      apply: (x) => (seen.push(x.shape), x.zerosLike()),
      perToken,
    });
    const tap: Intervention = {
      kind: 'tap',
      path: 'encoder.layer.1.output.dense',
      at: 'input',
      observe: (states) => seen.push(states.shape),
    };
    const alone = { kind: 'hiddenDelta', path: 'encoder.layer.0', apply: (x: tf.Tensor) => x.mean(1, true) } as const;
    for (const effect of [watch(true), watch(false), tap])
      host.forward(inputsOf(), [effect, alone, headAt('pooler', 8)], contextOf(host, 'logits'));
    host.forward(inputsOf(), [watch(true), headAt('mean', 8)], contextOf(host, 'logits'));
    expect(seen).toEqual([
      [3, 1, 8],
      [3, 6, 8],
      [3, 6, 12],
      [3, 6, 8],
    ]);
    host.dispose();
  });

  it('says that other outputs are not there, where they are not', async () => {
    const host = await createRandomHost({ ...sizes, modelType });
    const outputs = host.forward(inputsOf(), [headAt('cls', 8)], contextOf(host, 'logits'));
    expect(() => outputs.lastHiddenState).toThrow(expect.objectContaining({ code: 'OUTPUT_NOT_COMPUTED' }));
    host.dispose();
  });

  it('gives states of padding as a whole pass does, where the token that is read is padding', async () => {
    const host = await createRandomHost({ ...sizes, modelType, dropout: 0 });
    const attentionMask = tf.tensor2d(
      [
        [0, 0, 0, 1, 1, 1],
        [0, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
      ],
      [3, 6],
      'int32',
    );
    const textPositions = tf.tensor1d([3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17], 'int32');
    const inputs = { ...inputsOf(), attentionMask, textPositions };
    const [whole, alone] = bothWays(host, inputs, [headAt('cls', 8)], 'evaluate');
    expect(await maxDifference(whole!, alone!)).toBeLessThan(1e-6);
    host.dispose();
  });
});
