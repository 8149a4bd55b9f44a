import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lora } from '@tfjs-peft/lora';
import { compose, head, type Host, type PeftMethod } from '@tfjs-peft/peft-core';
import { prefix } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import {
  type CheckpointStore,
  createMemoryStore,
  labelledTask,
  parseTrainConfig,
  train,
  type TrainEvent,
} from '@tfjs-peft/train';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';

useTestBackend();

const sizes = { hiddenSize: 16, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 24, vocabSize: 40 };
let host: Host;
beforeAll(async () => {
  host = await createRandomHost(sizes, 4);
});
afterAll(() => host.dispose());

const examplesOf = (count: number, first: number) =>
  Array.from({ length: count }, (_, row) => {
    const inputIds = Array.from({ length: 3 + ((first + row) % 6) }, (_, i) => 5 + ((first + 11 * row + 3 * i) % 35));
    return { text: { inputIds, tokenTypeIds: inputIds.map(() => 0) }, label: row % 2 };
  });
const task = labelledTask({ train: examplesOf(6, 0), dev: examplesOf(4, 50) });
const texts = 6 + 4;

const withHead = (...parts: PeftMethod[]) => compose(...parts, head({ labels: ['a', 'b'] }));
const upper = lora({ layers: [1], rank: 2 });

interface RunOptions {
  readonly activationMegabytes?: number;
  readonly on?: Host;
  readonly store?: CheckpointStore;
  readonly stopAt?: number;
}

/** Eight steps with two stochastic evaluations. */
async function run(method: PeftMethod, { activationMegabytes, on = host, store, stopAt }: RunOptions = {}) {
  const events: TrainEvent[] = [];
  const stopping = new AbortController();
  const result = await train({
    host: on,
    method,
    ...task,
    config: parseTrainConfig({
      steps: 8,
      batchSize: 4,
      learningRate: 0.02,
      evaluateEvery: { epochs: 0, minSteps: 4 },
      validation: { mode: 'stochastic', draws: 2 },
      ...(activationMegabytes !== undefined && { activationMegabytes }),
    }),
    seed: 7,
    signal: stopping.signal,
    ...(store && { store }),
    onEvent(event) {
      events.push(event);
      if (event.type === 'step' && event.step === stopAt) stopping.abort();
    },
  });
  const end = events.find((event) => event.type === 'end');
  return { losses: result.history.map(({ loss }) => loss), activations: end?.activations, effective: result.effective };
}

const near = (numbers: readonly number[]) => numbers.map((value): unknown => expect.closeTo(value, 5));

describe('a run that keeps activations below all that is trained', () => {
  it.each([
    ['a head alone', () => withHead()],
    ['LoRA in the last layer', () => withHead(upper)],
    ['a simplex of it', () => subspace(withHead(upper), { vertices: 3 })],
  ])('learns what a run learns that keeps none: %s', async (_, methodOf) => {
    const whole = await run(methodOf(), { activationMegabytes: 0 });
    // A host keeps some of what it makes of its weights.
    const tensors = tf.memory().numTensors;
    const kept = await run(methodOf());
    expect(kept.losses).toEqual(near(whole.losses));
    expect(kept.activations).toMatchObject({ computed: texts, dropped: 0, limit: 256 });
    expect(kept.activations!.reused).toBeGreaterThan(2 * texts);
    expect(whole.activations).toBeUndefined();
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it('keeps none for a method that acts from the first layer on, and none of passes that drop out', async () => {
    expect((await run(withHead(prefix({ prefixLength: 2, reparametrisation: 'none' })))).activations).toBeUndefined();
    const dropping = await createRandomHost({ ...sizes, dropout: 0.1 }, 4);
    // Evaluations drop nothing out.
    expect((await run(withHead(upper), { on: dropping })).activations).toMatchObject({ computed: 4 });
    dropping.dispose();
  });

  it('is to the bit the same where little is kept, and where it was interrupted', async () => {
    const whole = await run(withHead(upper));
    const little = await run(withHead(upper), { activationMegabytes: 0.0006 });
    expect(little.activations!.dropped).toBeGreaterThan(0);
    expect(little.losses).toEqual(whole.losses);
    const store = createMemoryStore();
    await expect(run(withHead(upper), { store, stopAt: 3 })).rejects.toMatchObject({ code: 'INTERRUPTED' });
    const resumed = await run(withHead(upper), { store });
    expect(resumed.losses).toEqual(whole.losses);
    expect([...resumed.effective]).toEqual([...whole.effective]);
  });
});
