import { parseExperiment } from '@tfjs-peft/eval';
import { isJsonObject, type Json, type JsonObject } from '@tfjs-peft/peft-core/files';
import { parseTrainConfig } from '@tfjs-peft/train';
import type { KnownKeys } from './apply-settings.js';

/** Keys without a default do not show in a configuration whose defaults are written out. */
const withoutDefault: Readonly<Record<string, readonly string[]>> = {
  '': ['name'],
  data: ['emptyText', 'group', 'promptTemplate'],
  model: ['revision', 'prompt'],
  'model.prompt': ['template', 'words', 'mlm'],
  test: ['trace', 'generation'],
  'test.generation': [
    'maxNewTokens',
    'strategy',
    'temperature',
    'topK',
    'topP',
    'beams',
    'lengthPenalty',
    'earlyStopping',
    'noRepeatNgram',
  ],
  train: ['optimiser', 'momentum', 'averageDecay', 'activationMegabytes'],
  'data.file': [
    'file',
    'textColumn',
    'textPairColumn',
    'labelColumn',
    'testFile',
    'testFraction',
    'regression',
    'maxLabels',
    'columnNames',
    'delimiter',
    'encoding',
    'quotedTsv',
  ],
};

/** The keys of an experiment, from its own schema: the defaults written out, and the few keys that have none. */
export const experimentKeys: KnownKeys = (path) => {
  const all = {
    ...(parseExperiment({ version: 1, task: 'any', methods: ['head'] }) as unknown as JsonObject),
    train: parseTrainConfig() as unknown as JsonObject,
  };
  const below = path.reduce<Json | undefined>((value, key) => (isJsonObject(value) ? value[key] : undefined), all);
  const extra = withoutDefault[path.join('.')] ?? [];
  if (isJsonObject(below)) return [...Object.keys(below), ...extra];
  return extra;
};
