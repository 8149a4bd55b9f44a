import { isJsonObject, type JsonObject } from '@tfjs-peft/peft-core/files';
import { parseTrainConfig, type TrainConfig, type TrainConfigInput } from '@tfjs-peft/train';
import * as z from 'zod';

/** Some training settings; the layers are merged first and checked as a whole by {@link mergeTrainConfigs}. */
export const partialTrainConfig = z.record(z.string(), z.json()) as unknown as z.ZodType<TrainConfigInput>;

/** Later layers win, key by key also inside nested settings. Errors: `CONFIG_INVALID`. */
export const mergeTrainConfigs = (...layers: readonly (TrainConfigInput | undefined)[]): TrainConfig =>
  parseTrainConfig(
    layers.reduce<JsonObject>(
      (merged, layer) => mergeObjects(merged, (layer ?? {}) as JsonObject),
      {},
    ) as TrainConfigInput,
  );

const mergeObjects = (base: JsonObject, layer: JsonObject): JsonObject => ({
  ...base,
  ...Object.fromEntries(
    Object.entries(layer)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => {
        const below = base[key];
        return [key, isJsonObject(below) && isJsonObject(value) ? mergeObjects(below, value) : value];
      }),
  ),
});
