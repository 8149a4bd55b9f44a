import { type HostSpec, PeftError } from '@tfjs-peft/peft-core';

/** What names in mlx-lm depend on. */
export type MlxHost = Pick<HostSpec, 'modelType' | 'baseModelPrefix' | 'languageModel'>;

/** What mlx-lm calls the module that HF transformers calls by the host's `baseModelPrefix`, by family. Below it both use the same names. */
const innerModels: ReadonlyMap<string, string> = new Map([
  ['gpt2', 'model'],
  ['llama', 'model'],
  ['qwen2', 'model'],
  ['qwen3', 'model'],
]);

/** Names of modules, there and back; undefined for a module that the other library does not have. */
export interface MlxNames {
  readonly toMlx: (hfName: string) => string | undefined;
  readonly toHf: (mlxName: string) => string | undefined;
}

/**
 * Names of modules in HF transformers and in mlx-lm; `isBare`: HF's are those of the model without the layer that scores tokens (`LlamaModel`).
 * mlx-lm has no encoders: their names stay as they are. Errors: `CONVERT_UNSUPPORTED` for a decoder whose names in mlx-lm are not known here.
 */
export function mlxNames({ modelType, baseModelPrefix, languageModel }: MlxHost, isBare = false): MlxNames {
  if (!languageModel) return { toMlx: (name) => name, toHf: (name) => name };
  const inner = innerModels.get(modelType);
  if (inner === undefined)
    throw new PeftError('CONVERT_UNSUPPORTED', {
      found: `a decoder of type "${modelType}", whose names in mlx-lm are not known here`,
      expected: `one of ${[...innerModels.keys()].join(', ')}`,
      fix: 'convert it to HF peft (--to hf), or merge it into the model',
    });
  const hf = isBare ? '' : `${baseModelPrefix}.`;
  const mlx = `${inner}.`;
  const rename = (from: string, to: string) => (name: string) => {
    if (name.startsWith(from)) return to + name.slice(from.length);
    return name === 'lm_head' && !languageModel.tied ? name : undefined;
  };
  return { toMlx: rename(hf, mlx), toHf: rename(mlx, hf) };
}
