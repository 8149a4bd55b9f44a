import { type AdapterFiles, PeftError, bytesSource, openSafetensors } from '@tfjs-peft/peft-core';
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
import { type MlxHost, mlxNames } from './mlx-names.js';

const mlxConfig = z.looseObject({
  fine_tune_type: z.string().default('lora'),
  lora_parameters: z.looseObject({ rank: z.int().min(1), scale: z.number().positive() }),
});

/** How names in mlx differ from those of the host. */
export interface MlxOptions {
  /** The host that the adapter is for: mlx-lm calls modules of a decoder otherwise than HF transformers. Names stay as they are if absent. */
  readonly host?: MlxHost;
  /** Put before the names of modules, `bert.` for example, where the names in mlx leave it out. */
  readonly prefix?: string;
}

/**
 * The files of an mlx-lm adapter (`adapters.safetensors`, `adapter_config.json`) as those of an HF peft adapter, to be loaded with
 * `loadAdapter`. mlx keeps `lora_a` `[inputs, rank]` and `lora_b` `[rank, outputs]` and scales by `scale`, which becomes alpha / rank; the
 * targets are the modules that have tensors. There is no head among them.
 * Errors: `CONFIG_INVALID`, `CONFIG_KEY_UNSUPPORTED` (DoRA, full fine-tuning), `ADAPTER_FILE_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`,
 * `CONVERT_UNSUPPORTED` for a decoder whose names in mlx-lm are not known here.
 */
export async function readMlxLora(files: AdapterFiles, { host, prefix = '' }: MlxOptions = {}): Promise<AdapterFiles> {
  const names = host && mlxNames(host);
  const { config, bytes } = configAndTensors(files, mlxTensorsName, 'mlx_lm.lora');
  const mlx = parseConfig(mlxConfig, config, hfConfigName);
  if (mlx.fine_tune_type !== 'lora')
    throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
      found: `"fine_tune_type": "${mlx.fine_tune_type}"`,
      expected: '"lora"',
      fix: 'train the adapter with --fine-tune-type lora',
    });
  const { rank, scale } = mlx.lora_parameters;
  const source = await openSafetensors(bytesSource(mlxTensorsName, bytes));
  const tensors = new Map<string, WritableTensor>();
  const modules = new Set<string>();
  for (const [name, { shape }] of source.tensors) {
    const [, stored, letter] = /^(.+)\.lora_([ab])$/.exec(name) ?? [];
    const found = stored !== undefined && names ? names.toHf(stored) : stored;
    if (found === undefined)
      throw new PeftError('TENSOR_UNEXPECTED', {
        found: `${mlxTensorsName}: "${name}"`,
        expected: `lora_a and lora_b${host ? ` of modules that mlx-lm has in a model of type "${host.modelType}"` : ''}`,
      });
    const module = prefix + found;
    const rankAxis = letter === 'a' ? 1 : 0;
    if (shape.length !== 2 || shape[rankAxis] !== rank)
      throw new PeftError('TENSOR_MISSHAPEN', {
        found: `${mlxTensorsName}: "${name}" has shape [${shape.join(', ')}]`,
        expected: letter === 'a' ? `[inputs, ${rank}]` : `[${rank}, outputs]`,
      });
    modules.add(module);
    tensors.set(
      `base_model.model.${module}.lora_${letter === 'a' ? 'A' : 'B'}.weight`,
      transposed(shape[0]!, shape[1]!, await source.readFloat32(name)),
    );
  }
  const hf = {
    peft_type: 'LORA',
    task_type: null,
    inference_mode: true,
    r: rank,
    lora_alpha: scale * rank,
    target_modules: [...modules].sort(),
  };
  return new Map([
    [hfConfigName, new TextEncoder().encode(readableJson(hf))],
    [tensorsName, writeSafetensors(tensors)],
  ]);
}
