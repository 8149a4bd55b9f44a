import { layerEntries, rateEntry, targetEntries } from '../module-entries.js';
import { makeWeightMethod } from '../weight-method.js';
import { projectionEntries, sharedProjections, vectorLaws } from './shared-projections.js';

const entries = {
  ...targetEntries,
  ...layerEntries,
  ...projectionEntries,
  vera_dropout: rateEntry,
};

/**
 * VeRA (Kopiczko et al. 2024, arXiv 2310.11454, equation 2): `ΔW = diag(b) · B · diag(d) · A` with one random, frozen pair A, B for all modules, of
 * which each takes the corner of its size.
 */
export const vera = makeWeightMethod({
  type: 'VERA',
  entries,
  kinds: ['lowRankDelta'],
  inputFirst: true,
  parameters(config, { outputs }) {
    const { b, d } = vectorLaws(config);
    return [
      { name: 'vera_lambda_b', shape: [outputs], initial: b },
      { name: 'vera_lambda_d', shape: [config.r], initial: d },
    ];
  },
  shared: (config, modules) => sharedProjections(config, modules, { a: 'vera_A', b: 'vera_B' }),
  intervene: ({ r, vera_dropout: dropout }, { path, inputs, outputs }, find, shared) => [
    {
      kind: 'lowRankDelta',
      path,
      down: shared('vera_A').slice([0, 0], [r, inputs]).transpose(),
      middle: find('vera_lambda_d'),
      up: shared('vera_B').slice([0, 0], [outputs, r]).transpose().mul(find('vera_lambda_b')),
      scale: 1,
      ...(dropout > 0 && { dropout }),
    },
  ],
});
