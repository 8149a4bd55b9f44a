import { describePeftMethod, tinyHost } from '@tfjs-peft/conformance';
import type { PeftMethod } from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { hfMethodDefinitions, trainableTokens } from '../src/index.js';
import * as methods from '../src/index.js';
import type { MadeMethod } from '../src/weight-method.js';

useTestBackend();

/** Small sizes that fit the kit's hosts, and whether the start is the identity. */
const cases: readonly (readonly [string, MadeMethod, JsonObject, boolean])[] = [
  ['AdaLoRA', methods.adalora, { init_r: 3 }, true],
  ['LoHa', methods.loha, { r: 2 }, true],
  ['LoKr', methods.lokr, { r: 1, decompose_both: true }, true],
  ['VeRA', methods.vera, { r: 3 }, true],
  ['VB-LoRA', methods.vblora, { r: 2, num_vectors: 6, vector_length: 4 }, false],
  ['FourierFT', methods.fourierft, { n_frequency: 12, init_weights: true }, true],
  ['RandLoRA', methods.randlora, { r: 3, randlora_alpha: 3 }, true],
  [
    'RandLoRA, sparse and dropped',
    methods.randlora,
    { r: 3, randlora_alpha: 3, sparse: true, randlora_dropout: 0.3 },
    true,
  ],
  ['OFT', methods.oft, { oft_block_size: 4 }, true],
  ['OFT, exact', methods.oft, { oft_block_size: 4, use_cayley_neumann: false }, true],
  ['OFT, inside its ball', methods.oft, { oft_block_size: 4, coft: true, eps: 50 }, true],
  ['BOFT', methods.boft, { boft_block_size: 4 }, true],
  ['HiRA', methods.hira, { r: 2 }, true],
  ['HiRA, dropped', methods.hira, { r: 2, hira_dropout: 0.3 }, true],
  ['BEFT', methods.beft, {}, true],
  ['PVeRA', methods.pvera, { r: 3 }, true],
  ['GLoRA', methods.glora, { r: 2 }, true],
  ['GraLoRA', methods.gralora, { r: 4, hybrid_r: 1 }, true],
  ['GraLoRA, dropped', methods.gralora, { r: 4, gralora_dropout: 0.3 }, true],
  ['HRA', methods.hra, { r: 2 }, false],
  ['MiSS', methods.miss, { r: 2 }, true],
  ['MiSS, bat', methods.miss, { r: 2, init_weights: 'bat' }, true],
  ['MiSS, dropped', methods.miss, { r: 2, miss_dropout: 0.3 }, true],
  ['Bone', methods.bone, { r: 2 }, true],
  ['C3A', methods.c3a, { block_size: 4, init_weights: true }, true],
  ['Uni-LoRA', methods.unilora, { r: 2, theta_d_length: 200, init_theta_d_bound: 1 }, false],
  ['WaveFT', methods.waveft, { n_frequency: 12, scaling: 2, wavelet_family: 'db2' }, true],
  ['RoAd', methods.road, { group_size: 4 }, true],
];

const frozen = 'the random matrices that all modules share are never drawn apart';
const directions = 'the controls multiply numbers, and a reflection depends on directions alone; goldens cover it';

/** Checks of the kit that do not hold for a method, and why. */
const exceptions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  VeRA: { 'simplex-draws': frozen },
  PVeRA: { 'simplex-draws': frozen },
  RandLoRA: { 'simplex-draws': frozen },
  'RandLoRA, sparse and dropped': { 'simplex-draws': frozen },
  HRA: Object.fromEntries(
    ['config-is-data', 'method-acts', 'save-and-load', 'hf-files', 'simplex-points', 'simplex-draws'].map((check) => [
      check,
      directions,
    ]),
  ),
};

/** What depends on the names of a family's modules. */
const byFamily = ['method-acts', 'save-and-load', 'hf-files', 'merge', 'batch-axis'] as const;

function check(
  name: string,
  make: () => PeftMethod,
  more: { identityAtStart: boolean; exceptions?: Readonly<Record<string, string>> },
) {
  const options = { definitions: hfMethodDefinitions, mergeable: true, ...more };
  describePeftMethod(name, make, options);
  describePeftMethod(`${name} on another family`, make, {
    ...options,
    hosts: [tinyHost({ modelType: 'distilbert' })],
    only: byFamily,
  });
}

describeOnNative('the kit', () => {
  for (const [name, make, config, identityAtStart] of cases) {
    const own = exceptions[name];
    check(name, () => make(config), { identityAtStart, ...(own && { exceptions: own }) });
  }
  check('trainable tokens', () => trainableTokens({ token_indices: [3, 5, 7] }), { identityAtStart: true });
});
