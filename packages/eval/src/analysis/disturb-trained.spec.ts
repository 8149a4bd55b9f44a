import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tinyHost } from '@tfjs-peft/conformance';
import { delora, pvera, randlora, unilora, vblora, vera } from '@tfjs-peft/hf-methods';
import { lora } from '@tfjs-peft/lora';
import { createStream, type Host, type PeftMethod } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { disturbTrained } from './disturb-trained.js';

useTestBackend();

let host: Host;
beforeAll(async () => {
  host = await tinyHost().create();
});
afterAll(() => host.dispose());

const cases: readonly (readonly [string, PeftMethod, RegExp])[] = [
  ['LoRA', lora({ rank: 2 }), /^$/],
  ['VeRA', vera({ r: 2 }), /vera_[AB]$/],
  ['PVeRA', pvera({ r: 2 }), /pvera_[AB]$/],
  ['RandLoRA', randlora({ r: 2 }), /randlora_[AB]$/],
  ['DeLoRA', delora({ r: 2 }), /w_norm$/],
  ['Uni-LoRA, stored', unilora({ r: 2, theta_d_length: 8, save_indices: true }), /indices|scales/],
  ['VB-LoRA, stored', vblora({ r: 2, num_vectors: 6, vector_length: 4, save_only_topk_weights: true }), /topk/],
];

describe('disturbTrained', () => {
  it.each(cases)(
    'moves what is trained of %s by a share of its norm, and nothing else',
    async (_name, method, frozen) => {
      // Of some methods the numbers come from a file; 1 is an index as well.
      const specs = method.plan(host.spec).effective;
      const effective = new Map(specs.map(({ name, shape }) => [name, tf.ones([...shape])]));
      const { effective: moved } = disturbTrained({ method, effective }, host.spec, 0.5, createStream(2));
      expect([...moved].filter(([name, tensor]) => tensor === effective.get(name)).map(([name]) => name)).toEqual(
        [...effective.keys()].filter((name) => frozen.test(name)),
      );
      for (const [name, tensor] of moved) {
        if (frozen.test(name)) continue;
        const share = tf.tidy(() => tensor.sub(effective.get(name)!).norm().div(effective.get(name)!.norm()));
        expect((await share.data())[0]).toBeCloseTo(0.5, 4);
      }
    },
  );
});
