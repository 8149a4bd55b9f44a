import { adapter } from '@tfjs-peft/adapter';
import { bitfit, layerNormTuning } from '@tfjs-peft/bitfit';
import { describePeftMethod, tinyDecoder } from '@tfjs-peft/conformance';
import { fullFineTuning } from '@tfjs-peft/full';
import { ia3 } from '@tfjs-peft/ia3';
import { lora } from '@tfjs-peft/lora';
import type { PeftMethod } from '@tfjs-peft/peft-core';
import { prefix } from '@tfjs-peft/prefix';
import { prompt } from '@tfjs-peft/prompt';
import { sift } from '@tfjs-peft/sift';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { builtInDefinitions as definitions } from './definitions.js';

useTestBackend();

/** A sample: what a decoder may do otherwise than an encoder. The whole kit runs on encoders, in the packages of the methods. */
const sample = ['method-acts', 'padding', 'batch-axis', 'gradients', 'save-and-load', 'merge', 'simplex-points'];
const gpt2 = tinyDecoder();
const llama = tinyDecoder({ modelType: 'llama' });
const both = [gpt2, llama];

const check = (name: string, make: () => PeftMethod, options: Partial<Parameters<typeof describePeftMethod>[2]> = {}) =>
  describePeftMethod(`${name} on decoders`, make, {
    definitions,
    identityAtStart: true,
    mergeable: true,
    hosts: both,
    only: sample,
    ...options,
  });

// So many factors at once make the loss of a host this small too steep for differences.
check('lora', () => lora({ rank: 2, targets: 'all-linear' }), { deviation: 0.05 });
check('prefix', () => prefix({ prefixLength: 2, mlpHiddenSize: 6 }), { identityAtStart: false, mergeable: false });
check('prompt', () => prompt({ length: 2 }), { identityAtStart: false, mergeable: false });
check('adapter', () => adapter({ bottleneckSize: 4 }), { mergeable: false });
check('ia3', () => ia3());
check('bitfit', () => bitfit({ initialStandardDeviation: 0.01 }), {
  hosts: [gpt2, tinyDecoder({ modelType: 'qwen2' })],
});
check('norms', () => layerNormTuning({ initialStandardDeviation: 0.01 }), {
  hosts: [llama, tinyDecoder({ modelType: 'qwen3' })],
});
check('full fine-tuning', () => fullFineTuning(), { only: ['method-acts', 'merge', 'training-step'] });
check('sift', () => sift({ rate: 0.05 }), { only: ['method-acts', 'prepare', 'merge'] });
