import { type AdapterFiles, bytesSource, isPeftError, openSafetensors, PeftError } from '@tfjs-peft/peft-core';
import { parseConfig } from '@tfjs-peft/peft-core/authoring';
import {
  checkForeignKeys,
  hfConfigName,
  isBareEncoder,
  type JsonObject,
  readableJson,
  tensorsName,
  type WritableTensor,
  writeSafetensors,
} from '@tfjs-peft/peft-core/files';
import * as z from 'zod';
import { configAndTensors, mlxTensorsName, transposed } from './mlx-form.js';
import { type MlxHost, mlxNames } from './mlx-names.js';

const hfConfig = z.looseObject({
  peft_type: z.literal('LORA'),
  r: z.int().min(1),
  lora_alpha: z.number(),
  lora_dropout: z.number().default(0),
  use_rslora: z.boolean().default(false),
});

/** Entries that say where the factors act, as the names of the tensors do. */
const places = ['exclude_modules', 'fan_in_fan_out', 'layers_pattern', 'layers_to_transform', 'target_modules'];

/** Starts that left the weights of the host as they were, beside those that `checkForeignKeys` knows of. */
const harmlessStarts: readonly unknown[] = ['eva', 'orthogonal'];

/**
 * The files of an HF peft LoRA adapter for this host in the form of mlx-lm (`adapters.safetensors`, `adapter_config.json`): the inverse of `readMlxLora`.
 * mlx knows one rank and one scale for all modules, and no head. Errors: `CONFIG_INVALID`; `CONVERT_UNSUPPORTED` for what mlx has no place for, for a
 * module with one factor alone and for factors of another rank than the configuration's; `ADAPTER_FILE_MISSING`.
 */
export async function writeMlxLora(files: AdapterFiles, host: MlxHost): Promise<AdapterFiles> {
  const { config, bytes } = configAndTensors(files, tensorsName, 'HF peft');
  const hf = parseConfig(hfConfig, config, hfConfigName);
  requirePlain(config);
  const { toMlx } = mlxNames(host, isBareEncoder(config));
  const source = await openSafetensors(bytesSource(tensorsName, bytes));
  const tensors = new Map<string, WritableTensor>();
  const modules = new Set<string>();
  for (const [name, { shape }] of source.tensors) {
    const [, stored, letter] = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/.exec(name) ?? [];
    const module = stored === undefined ? undefined : toMlx(stored);
    if (module === undefined) throw unsupported(`the tensor "${name}"`);
    const rankAxis = letter === 'A' ? 0 : 1;
    if (shape.length !== 2 || shape[rankAxis] !== hf.r)
      throw unsupported(`the tensor "${name}" of shape [${shape.join(', ')}] with "r": ${hf.r}`);
    modules.add(module);
    tensors.set(
      `${module}.lora_${letter === 'A' ? 'a' : 'b'}`,
      transposed(shape[0]!, shape[1]!, await source.readFloat32(name)),
    );
  }
  requirePairs(modules, tensors);
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

/** Nothing but what mlx-lm computes changes outputs; which modules are saved whole, their tensors say. Errors: `CONVERT_UNSUPPORTED`. */
function requirePlain(config: JsonObject): void {
  const start = config['init_lora_weights'];
  const own = [
    ...Object.keys(hfConfig.shape),
    ...places,
    ...(typeof start === 'string' && harmlessStarts.includes(start.toLowerCase()) ? ['init_lora_weights'] : []),
  ];
  const owned = Object.fromEntries(own.map((key) => [key, null]));
  const ignore = () => undefined;
  try {
    checkForeignKeys(config, owned, hfConfigName, ignore, () => true);
  } catch (error) {
    throw isPeftError(error) ? unsupported(error.text.found) : error;
  }
}

/** Errors: `CONVERT_UNSUPPORTED`. */
function requirePairs(modules: ReadonlySet<string>, tensors: ReadonlyMap<string, WritableTensor>): void {
  for (const module of modules)
    for (const letter of ['a', 'b'])
      if (!tensors.has(`${module}.lora_${letter}`))
        throw unsupported(`"${module}" without lora_${letter.toUpperCase()}`);
}

const unsupported = (found: string) =>
  new PeftError('CONVERT_UNSUPPORTED', {
    found,
    expected: 'pairs of low-rank factors of one rank and one alpha alone, which is what mlx-lm reads',
    fix: 'convert it to HF peft (--to hf), or merge it into the model',
  });
