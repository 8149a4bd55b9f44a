import * as z from 'zod';
import { dataConfig, experimentConfig, methodName, modelConfig, testConfig } from './experiment-config.js';
import { methodDescription } from '../methods/method-description.js';
import { floorNames, recipeNames } from '../methods/presets.js';
import { mergeTrainConfigs, partialTrainConfig } from './train-config.js';
import type { TrialConfig } from './trial-config.js';

const seed = z.int().min(0).max(0xffffffff);

/** `config.resolved.yaml` of a trial. */
export const trialConfig: z.ZodType<TrialConfig> = z.strictObject({
  version: z.literal(1),
  task: z.string().min(1).max(300),
  data: dataConfig,
  model: modelConfig,
  method: z.discriminatedUnion('kind', [
    z.strictObject({ name: methodName, kind: z.literal('floor'), floor: z.enum(floorNames) }),
    z.strictObject({
      name: methodName,
      kind: z.literal('trained'),
      description: methodDescription,
      recipe: z.enum(recipeNames),
    }),
  ]),
  train: partialTrainConfig.transform((settings) => mergeTrainConfigs(settings)).nullable(),
  seed: z.strictObject({ data: seed, train: seed }),
  metrics: experimentConfig.shape.metrics,
  test: testConfig,
});
