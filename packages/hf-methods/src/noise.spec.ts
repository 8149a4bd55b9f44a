import { describe, expect, it } from '@jest/globals';
import { checkPeftMethod } from '@tfjs-peft/conformance';
import type { PeftMethod } from '@tfjs-peft/peft-core';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { glora, hfMethodDefinitions, pvera, randlora, unilora, vera } from './index.js';

useTestBackend();

/** Methods with numbers that are stored and not trained: random matrices, indices, scales, zeros. */
const cases: readonly (readonly [string, () => PeftMethod])[] = [
  ['VeRA', () => vera({ r: 2 })],
  ['PVeRA', () => pvera({ r: 2 })],
  ['RandLoRA', () => randlora({ r: 2 })],
  ['Uni-LoRA, stored', () => unilora({ r: 2, theta_d_length: 8, save_indices: true })],
  ['GLoRA', () => glora({ r: 2, config_A_B: 'none' })],
];

describe('noise', () => {
  it.each(cases)('spares what is not trained of %s', async (_name, make) => {
    const only = ['noise-spares-frozen'];
    const options = { definitions: hfMethodDefinitions, identityAtStart: false, mergeable: true, only };
    expect(await checkPeftMethod(make, options)).toEqual([
      { check: only[0], host: 'bert', outcome: 'passed', message: '' },
    ]);
  });

  it('of PVeRA is drawn for every token, those that nobody reads too', async () => {
    const only = ['logits-alone'];
    const options = { definitions: hfMethodDefinitions, identityAtStart: false, mergeable: true, only };
    const make = () => pvera({ r: 2, target_modules: ['attention.output.dense', 'intermediate.dense'] });
    expect(await checkPeftMethod(make, options)).toEqual([
      { check: only[0], host: 'bert', outcome: 'passed', message: '' },
    ]);
  });
});
