import type { HostSpec, PeftMethod } from '@tfjs-peft/peft-core';
import { type InitialLaw, type MethodDefinition, parseConfig } from '@tfjs-peft/peft-core/authoring';
import type * as z from 'zod';
import { combineRows } from './combine-rows.js';
import { type PromptConfig, promptConfig } from './config.js';
import { promptFiles, readHfPromptConfig } from './hf-files.js';
import { normal } from './initial-laws.js';
import { startFromWords, type WordStart } from './start-from-words.js';
import { interveneWithRows, planRows } from './virtual-tokens.js';

/** Makes prompt tuning known by name: type `PROMPT_TUNING`. */
export const promptDefinition: MethodDefinition<typeof promptConfig> = {
  type: 'PROMPT_TUNING',
  config: promptConfig,
  create: (config) => createPrompt(config),
  fromHfConfig: readHfPromptConfig,
};

/**
 * Prompt tuning (Lester et al. 2021, arXiv 2104.08691, section 2): `[P; E(x)]` with learned rows P `[length, hidden]` before the word embeddings
 * E(x); positions, token type 0 and LayerNorm then act on all rows. Errors: `CONFIG_INVALID`; `plan`: `PROMPT_TOO_LONG`, `SITE_MISSING`;
 * `prepare` (for initialisation `vocabulary`): `TOKEN_IDS_TOO_FEW`, `TOKEN_ID_UNKNOWN`, `SITE_MISSING`.
 */
export const prompt = (config: z.input<typeof promptConfig> = {}): PeftMethod<PromptConfig> =>
  createPrompt(parseConfig(promptConfig, config, 'prompt'));

/** `start` is known once `prepare` was called; the plan does not depend on it but for the first values. */
function createPrompt(config: PromptConfig, start?: WordStart): PeftMethod<PromptConfig> {
  return {
    type: promptDefinition.type,
    config,
    namespaces: [config.name],
    kinds: ['tokenPrefix'],
    plan(host) {
      const effective = planRows(config, host);
      const { name, shape } = effective;
      return { raw: [{ name, shape, initial: initialLaw(config, host, start) }], effective: [effective] };
    },
    intervene: (effective) => interveneWithRows(config, effective),
    ...(config.initialisation === 'vocabulary' &&
      !start && {
        prepare: async (host, preparation) => createPrompt(config, await startFromWords(config, host, preparation)),
      }),
    combine: (members, options) => combineRows(config, members, options, createPrompt),
    files: promptFiles(config),
  };
}

/** Rows of another host's words would be a start from nothing: they count as not prepared. */
function initialLaw(config: PromptConfig, host: HostSpec, start: WordStart | undefined): InitialLaw {
  if (config.initialisation === 'random') return normal(1);
  if (config.initialisation === 'normal') return normal(config.initialStandardDeviation);
  return start?.fingerprint === host.fingerprint ? { kind: 'given', values: start.values } : { kind: 'unprepared' };
}
