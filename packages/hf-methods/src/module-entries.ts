import { type HostSpec, sitesOfKind } from '@tfjs-peft/peft-core';
import {
  hfPath,
  type JsonObject,
  meansPooler,
  layersOfHost,
  namesWithHits,
  patternsWithHits,
  withoutHeadNames,
} from '@tfjs-peft/peft-core/files';
import * as z from 'zod';

const names = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

/** Entries that say where a method acts: those of adapter_config.json, under their names there, and what HF peft has no entry for. */
export const targetEntries = {
  /** Names or dotted ends of them, one expression for whole names, or `all-linear`; queries and values if null. */
  target_modules: names.nullable().default(null),
  /** False: the pooler is none of the modules that may be meant, as in HF's classifier of RoBERTa. */
  pooler: z.boolean().optional(),
};

/** Entries that narrow the targets; not every method of HF peft has them. */
export const narrowingEntries = {
  /** What to leave out of the targets, by the same rules. */
  exclude_modules: z
    .union([z.string(), z.array(z.string())])
    .nullable()
    .default(null),
  layers_to_transform: z
    .union([z.int().min(0), z.array(z.int().min(0))])
    .nullable()
    .default(null),
  layers_pattern: z
    .union([z.string(), z.array(z.string())])
    .nullable()
    .default(null),
};

/** Layers alone can be chosen: methods of HF peft without `exclude_modules`. */
export const layerEntries = {
  layers_to_transform: narrowingEntries.layers_to_transform,
  layers_pattern: narrowingEntries.layers_pattern,
};

/** The share of something that is left out in training: nothing is multiplied with 1 / (1 − 1). */
export const rateEntry = z.number().min(0).lt(1).default(0);

/** What selects modules, as a validated configuration has it. */
export interface ModuleEntries {
  readonly target_modules: string | readonly string[] | null;
  readonly exclude_modules?: string | readonly string[] | null;
  readonly layers_to_transform?: number | readonly number[] | null;
  readonly layers_pattern?: string | readonly string[] | null;
  readonly pooler?: boolean;
}

/** The namespace of a method's parameters. */
export const namespaceEntry = (usual: string) =>
  z
    .string()
    .regex(/^[a-z][a-z0-9_-]*$/)
    .default(usual);

/**
 * The entries of a method in adapter_config.json: those that its schema knows. Names of modules that the host does not have are left out as
 * long as another one hits, as HF peft does (one list for several architectures); so are keys of patterns that fit no module.
 */
export function readModuleEntries(
  file: JsonObject,
  known: readonly string[],
  patterns: readonly string[],
  host: HostSpec,
): Record<string, unknown> {
  const entries: Record<string, unknown> = Object.fromEntries(
    known.filter((key) => file[key] !== undefined).map((key) => [key, file[key]]),
  );
  const paths = sitesOfKind(host, 'linear').map(({ path }) => hfPath(host, path));
  const { target_modules: targets } = entries;
  if (Array.isArray(targets) && targets.every((entry) => typeof entry === 'string')) {
    const ours = withoutHeadNames(targets as string[], host).map((entry) => withBase(entry, host));
    entries['target_modules'] = namesWithHits(ours, paths);
  }
  for (const key of patterns) entries[key] = patternsWithHits(entries[key] ?? {}, paths);
  if ('layers_to_transform' in entries)
    entries['layers_to_transform'] = layersOfHost(entries['layers_to_transform'] as number[] | null, host);
  const hasPooler = sitesOfKind(host, 'linear').some(({ role }) => role === 'pooler');
  return { ...entries, ...(hasPooler && !meansPooler(file, host) && { pooler: false }) };
}

/** Whole paths of an adapter around the encoder alone, under their names in HF's classifier. */
const withBase = (entry: string, host: HostSpec): string =>
  host.sites.some(({ path }) => path === entry) ? hfPath(host, entry) : entry;
