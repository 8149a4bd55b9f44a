import { valuesByPattern } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { normal, uniform, zeros } from '../initial-laws.js';
import { layerEntries, targetEntries } from '../module-entries.js';
import { requireSize } from '../requirements.js';
import type { TargetModule } from '../select-modules.js';
import { makeWeightMethod } from '../weight-method.js';

const starts = ['gaussian', 'kaiming_uniform', 'xavier_uniform'] as const;
const entries = {
  ...targetEntries,
  ...layerEntries,
  block_size: z.int().min(1).default(256),
  block_size_pattern: z.record(z.string(), z.int().min(1)).default({}),
  init_weights: z.union([z.boolean(), z.enum(starts)]).default('xavier_uniform'),
};

type Config = z.output<z.ZodObject<typeof entries>>;

function blockSizeOf(config: Config, module: TargetModule, modules: readonly TargetModule[]): number {
  const names = modules.map(({ name }) => name);
  const sizes = valuesByPattern('block_size_pattern', config.block_size_pattern, config.block_size, names);
  return sizes[names.indexOf(module.name)]!;
}

function lawOf({ init_weights: start }: Config, { inputs, outputs }: TargetModule) {
  if (start === true) return zeros;
  if (start === 'gaussian') return normal(1);
  return uniform(start === 'kaiming_uniform' ? 1 / Math.sqrt(inputs) : Math.sqrt(6 / (inputs + outputs)));
}

/** Circulant blocks from their kernels `[M, N, size]`: `[N · size, M · size]` with the number of `(j − k) mod size` at input j and output k. */
function circulant(kernels: tf.Tensor): tf.Tensor {
  const [rows = 1, columns = 1, size = 1] = kernels.shape;
  const places = Int32Array.from({ length: size * size }, (_, place) => {
    const [j, k] = [Math.floor(place / size), place % size];
    return (j - k + size) % size;
  });
  return tf
    .gather(kernels, tf.tensor1d(places, 'int32'), 2)
    .reshape([rows, columns, size, size])
    .transpose([1, 2, 0, 3])
    .reshape([columns * size, rows * size]);
}

/** C3A (Chen et al. 2025, arXiv 2407.19342, section 3): a block-circular convolution beside a frozen weight, over the number of inputs. */
export const c3a = makeWeightMethod({
  type: 'C3A',
  entries,
  patterns: ['block_size_pattern'],
  kinds: ['weightDelta'],
  parameters(config, module, modules) {
    const size = blockSizeOf(config, module, modules);
    const { inputs, outputs } = module;
    requireSize(inputs % size === 0 && outputs % size === 0, module, `"block_size": ${size}`, 'a divisor of both');
    const shape = [outputs / size, inputs / size, size];
    return [{ name: 'c3a_kernel', shape, initial: lawOf(config, module), perExample: 'outputs' }];
  },
  intervene: (config, { path, inputs }, find) => [
    { kind: 'weightDelta', path, delta: circulant(find('c3a_kernel')).div(inputs) },
  ],
});
