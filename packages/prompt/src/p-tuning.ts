import type { PeftMethod } from '@tfjs-peft/peft-core';
import { type MethodDefinition, parseConfig } from '@tfjs-peft/peft-core/authoring';
import type * as z from 'zod';
import { combineRows } from './combine-rows.js';
import { type PTuningConfig, pTuningConfig } from './config.js';
import { pTuningFiles, readHfPTuningConfig } from './hf-files.js';
import { encodeRows, parametersOfEncoder } from './prompt-encoder.js';
import { interveneWithRows, planRows, rowsName } from './virtual-tokens.js';

/** Makes P-tuning known by name: type `P_TUNING`. */
export const pTuningDefinition: MethodDefinition<typeof pTuningConfig> = {
  type: 'P_TUNING',
  config: pTuningConfig,
  create: (config) => createPTuning(config),
  fromHfConfig: readHfPTuningConfig,
};

/**
 * P-tuning (Liu et al. 2021, arXiv 2103.10385): prompt tuning whose rows come from a small encoder, `P = MLP(LSTM(e))` in equation 4 or
 * `P = MLP(e)`, trained with them and dropped afterwards. The rows stand before the text, as in HF peft; the paper's templates may put them
 * anywhere. Errors: `CONFIG_INVALID`; `plan`: `PROMPT_TOO_LONG`, `SITE_MISSING`.
 */
export const pTuning = (config: z.input<typeof pTuningConfig> = {}): PeftMethod<PTuningConfig> =>
  createPTuning(parseConfig(pTuningConfig, config, 'pTuning'));

const createPTuning = (config: PTuningConfig): PeftMethod<PTuningConfig> => ({
  type: pTuningDefinition.type,
  config,
  namespaces: [config.name],
  kinds: ['tokenPrefix'],
  plan: (host) => ({ raw: parametersOfEncoder(config, host), effective: [planRows(config, host)] }),
  reparametrise: (raw, host) => new Map([[rowsName(config), encodeRows(config, raw, host)]]),
  intervene: (effective) => interveneWithRows(config, effective),
  combine: (members, options) => combineRows(config, members, options, createPTuning),
  files: pTuningFiles(config),
});
