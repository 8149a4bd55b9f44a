import { type AdapterFiles, bytesSource, openSafetensors, PeftError } from '@tfjs-peft/peft-core';
import { parseConfig } from '@tfjs-peft/peft-core/authoring';
import {
  hfConfigName,
  readableJson,
  tensorsName,
  type WritableTensor,
  writeSafetensors,
} from '@tfjs-peft/peft-core/files';
import * as z from 'zod';
import { configAndTensors, mlxTensorsName, transposed } from './mlx-form.js';

const empty = z.record(z.string(), z.unknown()).default({});

const hfConfig = z.looseObject({
  peft_type: z.literal('LORA'),
  r: z.int().min(1),
  lora_alpha: z.number(),
  lora_dropout: z.number().default(0),
  use_rslora: z.boolean().default(false),
  use_dora: z.boolean().default(false),
  bias: z.string().default('none'),
  rank_pattern: empty,
  alpha_pattern: empty,
});

/**
 * The files of an HF peft LoRA adapter in the form of mlx-lm (`adapters.safetensors`, `adapter_config.json`): the inverse of `readMlxLora`. mlx knows one
 * rank and one scale for all modules, and no head. Names of modules stay those of HF transformers, which mlx-lm takes over for Llama and its relatives.
 * Errors: `CONFIG_INVALID`; `CONVERT_UNSUPPORTED` for what mlx has no place for; `ADAPTER_FILE_MISSING`.
 */
export async function writeMlxLora(files: AdapterFiles): Promise<AdapterFiles> {
  const { config, bytes } = configAndTensors(files, tensorsName, 'HF peft');
  const hf = parseConfig(hfConfig, config, hfConfigName);
  requireOneLaw(hf);
  const source = await openSafetensors(bytesSource(tensorsName, bytes));
  const tensors = new Map<string, WritableTensor>();
  const modules = new Set<string>();
  for (const [name, { shape }] of source.tensors) {
    const [, module, letter] = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/.exec(name) ?? [];
    if (module === undefined || shape.length !== 2) throw unsupported(`the tensor "${name}"`);
    modules.add(module);
    tensors.set(
      `${module}.lora_${letter === 'A' ? 'a' : 'b'}`,
      transposed(shape[0]!, shape[1]!, await source.readFloat32(name)),
    );
  }
  const mlx = {
    fine_tune_type: 'lora',
    // All layers: in those without tensors mlx starts at a delta of zero.
    num_layers: -1,
    lora_parameters: {
      rank: hf.r,
      scale: hf.lora_alpha / (hf.use_rslora ? Math.sqrt(hf.r) : hf.r),
      dropout: hf.lora_dropout,
      keys: [...new Set([...modules].map(keyInLayer))].sort(),
    },
  };
  return new Map([
    [hfConfigName, new TextEncoder().encode(readableJson(mlx))],
    [mlxTensorsName, writeSafetensors(tensors)],
  ]);
}

/** `self_attn.q_proj` of `model.layers.0.self_attn.q_proj`. */
const keyInLayer = (module: string): string => /\.\d+\.(.+)$/.exec(module)?.[1] ?? module;

/** Errors: `CONVERT_UNSUPPORTED`. */
function requireOneLaw(hf: z.output<typeof hfConfig>): void {
  if (hf.use_dora) throw unsupported('"use_dora": true');
  if (hf.bias !== 'none') throw unsupported(`"bias": "${hf.bias}"`);
  for (const key of ['rank_pattern', 'alpha_pattern'] as const)
    if (Object.keys(hf[key]).length > 0) throw unsupported(`a "${key}"`);
}

const unsupported = (found: string) =>
  new PeftError('CONVERT_UNSUPPORTED', {
    found,
    expected: 'low-rank factors of one rank and one alpha alone, which is what mlx-lm reads',
    fix: 'convert it to HF peft (--to hf), or merge it into the model',
  });
