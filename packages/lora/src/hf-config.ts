import { type HostSpec, PeftError } from '@tfjs-peft/peft-core';
import { endsOf, matchNames, parseConfig } from '@tfjs-peft/peft-core/authoring';
import {
  headModules,
  hfPath,
  type HfTargets,
  type JsonObject,
  layersOfHost,
  meansPooler,
  namesWithHits,
  patternsWithHits,
  savedCandidates,
  spellHfTargets,
  withoutHeadNames,
} from '@tfjs-peft/peft-core/files';
import * as z from 'zod';
import type { LoraConfig, loraConfig } from './config.js';
import type { LoraTarget } from './plan-targets.js';
import type { LoraSite } from './select-targets.js';

const names = z.union([z.string(), z.array(z.string())]).nullish();
const starts = ['gaussian', 'orthogonal', 'eva'] as const;

/** The entries of adapter_config.json that LoRA reads, with HF peft's defaults; the loader judges all others. */
const hfLoraConfig = z.looseObject({
  r: z.int().min(1).default(8),
  lora_alpha: z.number().default(8),
  target_modules: names,
  exclude_modules: names,
  layers_to_transform: z.union([z.int(), z.array(z.int())]).nullish(),
  layers_pattern: names,
  rank_pattern: z.record(z.string(), z.int().min(1)).nullish(),
  alpha_pattern: z.record(z.string(), z.number()).nullish(),
  use_rslora: z.boolean().nullish(),
  use_dora: z.boolean().nullish(),
  lora_bias: z.boolean().nullish(),
  bias: z.enum(['none', 'lora_only', 'all']).nullish(),
  lora_dropout: z.number().nullish(),
  init_lora_weights: z.union([z.boolean(), z.string()]).nullish(),
});

/**
 * HF peft's entries as ours. Patterns of `exclude_modules` that match nothing here ("lm_head") have no effect and are left out.
 * Errors: `CONFIG_INVALID`; `CONFIG_KEY_UNSUPPORTED` for starts that change the host's own weights, and for tied word embeddings.
 */
export function readHfLoraConfig(config: JsonObject, host: HostSpec): z.input<typeof loraConfig> {
  requireModules(config, host);
  const hf = parseConfig(hfLoraConfig, config, 'adapter_config.json');
  requireApart(hf.target_modules ?? null, host);
  return {
    rank: hf.r,
    alpha: hf.lora_alpha,
    targets: Array.isArray(hf.target_modules)
      ? [...namesWithHits(withoutHeadNames(hf.target_modules, host), namesOf(host))]
      : (hf.target_modules ?? null),
    ...(hasPooler(host) && !trainsPooler(config, host) && { pooler: false }),
    exclude: withEffect(hf.exclude_modules ?? null, host),
    layers: layersOfHost(hf.layers_to_transform ?? null, host),
    layersPattern: hf.layers_pattern ?? null,
    rankPattern: patternsWithHits(hf.rank_pattern ?? {}, namesOf(host)),
    alphaPattern: patternsWithHits(hf.alpha_pattern ?? {}, namesOf(host)),
    rsLora: hf.use_rslora ?? false,
    dora: hf.use_dora ?? false,
    loraBias: hf.lora_bias ?? false,
    bias: hf.bias ?? 'none',
    dropout: hf.lora_dropout ?? 0,
    initialisation: readStart(hf.init_lora_weights ?? true),
  };
}

/** Lists without a module that can be adapted: what else the file names says why. Errors: `CONFIG_KEY_UNSUPPORTED`, `TARGET_UNSUPPORTED`. */
function requireModules({ target_modules: targets, target_parameters: parameters }: JsonObject, host: HostSpec): void {
  const named = Array.isArray(targets) ? (targets as readonly unknown[]) : null;
  if (Array.isArray(parameters) && parameters.length > 0 && (targets == null || named?.length === 0))
    throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
      found: `"target_parameters" names ${parameters.length} tensors and "target_modules" nothing`,
      expected: 'modules: low-rank factors of single tensors (experts, for example) are not supported',
      fix: 'train the adapter again on affine maps',
    });
  const head: readonly unknown[] = headModules(host);
  if (named && named.length > 0 && named.every((name) => head.includes(name)))
    throw new PeftError('TARGET_UNSUPPORTED', {
      found: `"target_modules": ${(named as string[]).map((name) => `"${name}"`).join(', ')}, which is the head`,
      expected: 'modules of the encoder: the head is trained and stored whole',
      fix: 'train the adapter again on modules of the encoder, ["query", "value"] for example',
    });
}

/**
 * In a decoder that scores the next token with its word embeddings, a delta of these acts in both places here, and in HF peft where words are looked up
 * alone. Errors: `CONFIG_KEY_UNSUPPORTED`.
 */
function requireApart(targets: string | readonly string[] | null, host: HostSpec): void {
  if (!host.languageModel?.tied || targets === null || targets === 'all-linear') return;
  const isTarget = matchNames(targets);
  const table = host.sites.find((site) => site.kind === 'table' && isTarget(hfPath(host, site.path)));
  if (!table) return;
  throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
    found: `"target_modules" names the word embeddings "${table.path}", which are the output embeddings too`,
    expected: 'affine maps alone: HF peft changes only one of the two places',
    fix: 'train the adapter again without them',
  });
}

function readStart(start: boolean | string): LoraConfig['initialisation'] {
  if (typeof start === 'boolean') return start ? 'kaiming' : 'random';
  const known = starts.find((name) => name === start.toLowerCase());
  // EVA only chooses the first values of the factors and their ranks, which the file holds.
  if (known !== undefined) return known === 'eva' ? 'kaiming' : known;
  const changesHost = ['pissa', 'olora', 'corda', 'lora_ga', 'loftq'].some((name) => start.startsWith(name));
  throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
    found: `"init_lora_weights": "${start}"${changesHost ? ', which changes the weights of the host itself' : ''}`,
    expected: `true, false, ${starts.map((name) => `"${name}"`).join(' or ')}`,
    fix: changesHost ? wayOutOfStart(start) : 'train the adapter again with another start',
  });
}

/** LoftQ starts from what quantization leaves, which its factors give back in part alone: the conversion to a plain LoRA is wrong for it. */
function wayOutOfStart(start: string): string {
  const merge =
    'merge it in HF peft, head included: PeftModel.from_pretrained(base, folder).merge_and_unload().save_pretrained(output), and open output as the model';
  return start === 'loftq'
    ? `${merge} (with scipy, bitsandbytes and a GPU, without which HF peft does not load it either); path_initial_model_for_weight_conversion gives other outputs for LoftQ`
    : `${merge}; for an encoder alone save_pretrained(path_initial_model_for_weight_conversion=…) writes a plain LoRA (it drops heads)`;
}

const hasPooler = ({ sites }: HostSpec) => sites.some((site) => site.kind === 'linear' && site.role === 'pooler');

/** A pooler that is saved whole is no target, and its bias none of `bias: "all"`: HF peft stores it with the module. */
const trainsPooler = (config: JsonObject, host: HostSpec): boolean => {
  const { named } = savedCandidates(config, host);
  const isSaved = host.sites.some(
    (s) => s.kind === 'linear' && s.role === 'pooler' && named.includes(`${s.path}.bias`),
  );
  return meansPooler(config, host) && !(config['bias'] === 'all' && isSaved);
};

function withEffect(exclude: string | readonly string[] | null, host: HostSpec): LoraConfig['exclude'] {
  const paths = namesOf(host);
  if (exclude === null) return null;
  if (typeof exclude === 'string') return exclude !== '' && paths.some(matchNames(exclude)) ? exclude : null;
  const ends = new Set(paths.flatMap(endsOf));
  return exclude.filter((pattern) => ends.has(pattern));
}

/** Names in HF's classifier of all that LoRA can act on. */
const namesOf = (host: HostSpec) => host.sites.filter(isLoraSite).map(({ path }) => hfPath(host, path));

const isLoraSite = (site: HostSpec['sites'][number]): site is LoraSite =>
  site.kind === 'linear' || site.kind === 'table';

/** Our entries as HF peft's: targets in the user's spelling where HF peft would understand the same by it, else as whole paths. */
export function writeHfLoraConfig(config: LoraConfig, targets: readonly LoraTarget[], host: HostSpec): JsonObject {
  const where = spellTargets(config, targets, host);
  return {
    alpha_pattern: { ...config.alphaPattern },
    bias: config.bias,
    exclude_modules: copied(where.exclude),
    ...(host.python?.storesInputFirst && { fan_in_fan_out: true }),
    init_lora_weights: config.initialisation === 'kaiming' ? true : writeStart(config.initialisation),
    layers_pattern: copied(where.layersPattern),
    layers_to_transform: typeof where.layers === 'number' ? where.layers : where.layers && [...where.layers],
    lora_alpha: config.alpha,
    lora_bias: config.loraBias,
    lora_dropout: config.dropout,
    r: config.rank,
    rank_pattern: { ...config.rankPattern },
    target_modules: copied(where.targets),
    use_dora: config.dora,
    use_rslora: config.rsLora,
  };
}

const writeStart = (start: Exclude<LoraConfig['initialisation'], 'kaiming'>) => (start === 'random' ? false : start);

const copied = (value: string | readonly string[] | null) =>
  value === null || typeof value === 'string' ? value : [...new Set(value)].sort();

function spellTargets(config: LoraConfig, targets: readonly LoraTarget[], host: HostSpec): HfTargets {
  const { exclude, layers, layersPattern } = config;
  const modules = host.sites.filter(
    (site) =>
      site.kind !== 'tensor' &&
      site.kind !== 'readout' &&
      (config.pooler !== false || site.kind !== 'linear' || site.role !== 'pooler'),
  );
  const paths = targets.map(({ path }) => path);
  return spellHfTargets({ targets: config.targets, exclude, layers, layersPattern }, paths, modules, host);
}
