import { basename, isAbsolute } from 'node:path';
import type { MethodDescription } from '@tfjs-peft/peft-core';
import { canonicalJson, type JsonObject, sha256Hex } from '@tfjs-peft/peft-core/files';
import type { TrainConfig } from '@tfjs-peft/train';
import type { FloorName, RecipeName } from '../methods/presets.js';
import type { DataConfig, ExperimentConfig, ModelConfig, TestConfig } from './experiment-config.js';

/** One training run, fully resolved: the same configuration on the same backend gives the same result. */
export interface TrialConfig {
  readonly version: 1;
  readonly task: string;
  readonly data: DataConfig;
  readonly model: ModelConfig;
  readonly method: TrialMethod;
  /** Null for floors, which have no settings. */
  readonly train: TrainConfig | null;
  readonly seed: { readonly data: number; readonly train: number };
  readonly metrics: ExperimentConfig['metrics'];
  readonly test: TestConfig;
}

/** What a trial runs: a floor, or a method with a recipe. */
export type TrialMethod =
  | { readonly name: string; readonly kind: 'floor'; readonly floor: FloorName }
  | {
      readonly name: string;
      readonly kind: 'trained';
      readonly description: MethodDescription;
      readonly recipe: RecipeName;
    };

/** A model name that is a directory: starts with "." or is an absolute path; everything else is embedded or a Hub name. */
export const isDirectoryName = (name: string): boolean => name.startsWith('.') || isAbsolute(name);

/**
 * SHA-256 of the configuration, 64 hexadecimal digits. Folders are left out and files count by their names alone, so that moving data
 * does not change a trial; that their contents are the same is checked by the hash of the split and the fingerprint of the host. The
 * method counts by what it is, not by its name.
 */
export const hashTrial = (trial: TrialConfig): string => sha256Hex(canonicalJson(withoutPaths(trial)));

/** What {@link hashTrial} hashes: equal for two trials that compute the same. */
export function withoutPaths({ data, model, method, ...rest }: TrialConfig): JsonObject {
  const { directory: _directory, file, ...otherData } = data;
  return {
    ...rest,
    method: method.kind === 'floor' ? { floor: method.floor } : method.description,
    ...(method.kind === 'trained' && method.recipe !== 'supervised' && { recipe: method.recipe }),
    data: {
      ...otherData,
      file: file && {
        ...file,
        file: basename(file.file),
        ...(file.testFile !== undefined && { testFile: basename(file.testFile) }),
      },
    },
    model: {
      ...model,
      name: withoutFolder(model.name),
      ...(model.prompt?.mlm !== undefined && { prompt: { ...model.prompt, mlm: withoutFolder(model.prompt.mlm) } }),
    },
  } as unknown as JsonObject;
}

const withoutFolder = (name: string): string => (isDirectoryName(name) ? basename(name) : name);

/** The first 12 hexadecimal digits of {@link hashTrial}. */
export const trialId = (trial: TrialConfig): string => hashTrial(trial).slice(0, 12);

/** Name of a trial's folder: `prefix-13-0-0f3c...`. */
export const trialFolderName = (trial: TrialConfig): string =>
  `${trial.method.name}-${trial.seed.data}-${trial.seed.train}-${trialId(trial)}`;
