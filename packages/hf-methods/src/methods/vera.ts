import * as z from 'zod';
import { torchGenerator, torchUniforms } from '../mathematics/torch-generator.js';
import { zeros } from '../initial-laws.js';
import { layerEntries, targetEntries } from '../module-entries.js';
import type { TargetModule } from '../select-modules.js';
import { makeWeightMethod } from '../weight-method.js';
import type { StoredParameter } from '../weight-parameters.js';

const entries = {
  ...targetEntries,
  ...layerEntries,
  r: z.int().min(1).default(256),
  projection_prng_key: z.int().default(0),
  /** Whether the file holds the random matrices; without them they are drawn from the key, as PyTorch draws them. */
  save_projection: z.boolean().default(true),
  vera_dropout: z.number().default(0),
  d_initial: z.number().default(0.1),
  init_weights: z.boolean().default(true),
};

type Config = z.output<z.ZodObject<typeof entries>>;

/** The random matrices that all modules share, as large as the largest asks: A first, then B, from one generator. */
function projections(config: Config, modules: readonly TargetModule[]): StoredParameter[] {
  const inputs = Math.max(...modules.map((module) => module.inputs));
  const outputs = Math.max(...modules.map((module) => module.outputs));
  const draw = torchUniforms(torchGenerator(config.projection_prng_key));
  const spec = (name: string, rows: number, columns: number): StoredParameter => ({
    name,
    shape: [rows, columns],
    initial: { kind: 'given', values: draw(rows * columns, Math.sqrt(3) * (Math.SQRT2 / Math.sqrt(columns))) },
    trainable: false,
    unsaved: !config.save_projection,
  });
  return [spec('vera_A', config.r, inputs), spec('vera_B', outputs, config.r)];
}

/**
 * VeRA (Kopiczko et al. 2024, arXiv 2310.11454, equation 2): `ΔW = diag(b) · B · diag(d) · A` with one random, frozen pair A, B for all modules, of
 * which each takes the corner of its size.
 */
export const vera = makeWeightMethod({
  type: 'VERA',
  entries,
  kinds: ['lowRankDelta'],
  parameters: ({ r, d_initial: initial }, { outputs }) => [
    { name: 'vera_lambda_b', shape: [outputs], initial: zeros },
    { name: 'vera_lambda_d', shape: [r], initial: { kind: 'constant', value: initial } },
  ],
  shared: projections,
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
