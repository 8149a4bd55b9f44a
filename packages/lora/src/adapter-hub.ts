import { type HostSpec, type LinearRole, type NamedArray, PeftError } from '@tfjs-peft/peft-core';
import { nearMisses, parseConfig } from '@tfjs-peft/peft-core/authoring';
import {
  type AdapterHubFormat,
  type AdapterHubPart,
  checkTensors,
  type Json,
  type JsonObject,
} from '@tfjs-peft/peft-core/files';
import type * as z from 'zod';
import { loraConfig } from './config.js';
import { parameterNames } from './names.js';

type LoraOptions = z.input<typeof loraConfig>;
type LinearSite = Extract<HostSpec['sites'][number], { kind: 'linear' }>;

/**
 * LoRA of AdapterHub (adapters 1.2): `<affine map>.loras.<name>.lora_A` `[rank, inputs]` and `lora_B` `[outputs, rank]`, scale alpha / rank, places by
 * role. A file of a version before adapters 1.1.0 whose alpha is not its rank was trained with a scale of one (adapter-hub/adapters#770) and gets
 * alpha := rank, as AdapterHub's own loader does; like it, not in a union. Errors: `CONFIG_INVALID`, `CONFIG_KEY_UNSUPPORTED` for gates, DoRA, VeRA
 * and other entries that change outputs, `TENSOR_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`.
 */
export const loraHubFormat: AdapterHubFormat<LoraOptions> = {
  reads: ({ architecture, composition_mode: mode }) => architecture === 'lora' && (mode ?? 'add') === 'add',
  modules: ['loras', 'shared_parameters'],
  read: readLora,
};

const readKeys = [
  'alpha',
  'attn_matrices',
  'dropout',
  'intermediate_lora',
  'leave_out',
  'output_lora',
  'r',
  'selfattn_lora',
];
/** Entries that change the function, with the values that do not. */
const requiredValues: Readonly<Record<string, readonly Json[]>> = {
  architecture: ['lora'],
  composition_mode: ['add'],
  use_gating: [false],
  use_dora: [false],
  vera_b: [null],
  vera_d: [null],
};
const idleKeys = ['dtype', 'init_weights', 'init_weights_seed'];
const attentionRoles: Readonly<Record<string, LinearRole>> = { q: 'query', k: 'key', v: 'value' };

function readLora(part: AdapterHubPart, host: HostSpec) {
  const { config, tensors, name } = part;
  requireKnown(config);
  const sites = sitesOf(config, host);
  const rank = readNumber(config, 'r', 8);
  const alpha = trainedWithoutAlpha(part) ? rank : readNumber(config, 'alpha', 8);
  const options = parseConfig(
    loraConfig,
    { rank, alpha, targets: sites.map(({ path }) => path), dropout: readNumber(config, 'dropout', 0) },
    'a LoRA of AdapterHub',
  );
  const entries = sites.flatMap(({ path, inputSize, outputSize }) => {
    const names = parameterNames(options, path);
    return [
      { own: names.down, name: `${path}.loras.${name}.lora_A`, shape: [rank, inputSize] },
      { own: names.up, name: `${path}.loras.${name}.lora_B`, shape: [outputSize, rank] },
    ];
  });
  checkTensors(tensors, entries, 'a LoRA of AdapterHub');
  const effective = new Map(entries.map((entry) => [entry.own, transposed(tensors.get(entry.name)!)]));
  return { config: options as LoraOptions, effective };
}

/** By role, so that the same configuration holds for BERT, RoBERTa and DistilBERT. */
function sitesOf(config: JsonObject, host: HostSpec): LinearSite[] {
  const { attn_matrices: matrices = ['q', 'v'], leave_out: leftOut = [] } = config;
  if (!Array.isArray(matrices)) throw invalid('attn_matrices', matrices, 'a list of "q", "k" and "v"');
  if (!Array.isArray(leftOut)) throw invalid('leave_out', leftOut, 'a list of layer numbers');
  const attention = matrices.map((matrix: Json) => {
    const role = typeof matrix === 'string' ? attentionRoles[matrix] : undefined;
    return role ?? unsupported('attn_matrices', matrix, 'q, k or v');
  });
  const roles = [
    ...(readSwitch(config, 'selfattn_lora', true) ? attention : []),
    ...(readSwitch(config, 'intermediate_lora', false) ? (['feedForwardIn'] as const) : []),
    ...(readSwitch(config, 'output_lora', false) ? (['feedForwardOut'] as const) : []),
  ];
  const sites = host.sites.filter(
    (site): site is LinearSite =>
      site.kind === 'linear' &&
      site.role !== undefined &&
      roles.includes(site.role) &&
      site.layer !== undefined &&
      !leftOut.includes(site.layer),
  );
  if (sites.length === 0) throw invalid('attn_matrices', matrices, 'at least one place with a LoRA');
  return sites;
}

function trainedWithoutAlpha({ version, inUnion }: AdapterHubPart): boolean {
  const found = version === null || inUnion ? null : /^adapters\.(\d+)\.(\d+)/.exec(version);
  return found !== null && (Number(found[1]) < 1 || (Number(found[1]) === 1 && Number(found[2]) < 1));
}

function requireKnown(config: JsonObject): void {
  const known = [...readKeys, ...Object.keys(requiredValues), ...idleKeys];
  for (const [key, value] of Object.entries(config)) {
    if (!known.includes(key)) unsupported(key, value, nearMisses(key, known)[0] ?? 'no such entry');
    const allowed = requiredValues[key];
    if (allowed && !allowed.includes(value)) unsupported(key, value, JSON.stringify(allowed[0]));
  }
}

function readNumber(config: JsonObject, key: string, usual: number): number {
  const value = config[key] ?? usual;
  if (typeof value === 'number') return value;
  throw invalid(key, value, 'a number');
}

function readSwitch(config: JsonObject, key: string, usual: boolean): boolean {
  const value = config[key] ?? usual;
  if (typeof value === 'boolean') return value;
  throw invalid(key, value, 'true or false');
}

function transposed({ shape, data }: NamedArray): NamedArray {
  const [rows, columns] = shape as [number, number];
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j]!;
  return { shape: [columns, rows], data: out };
}

const invalid = (key: string, value: Json, expected: string) =>
  new PeftError('CONFIG_INVALID', { found: `"${key}": ${JSON.stringify(value)}, a LoRA of AdapterHub`, expected });

function unsupported(key: string, value: Json, expected: string): never {
  throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
    found: `"${key}": ${JSON.stringify(value)}, which changes what a LoRA of AdapterHub computes`,
    expected,
    fix: 'train the adapter anew here (docs/lora.md)',
  });
}
