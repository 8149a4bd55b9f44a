import { bounds } from '../bounds.js';
import { PeftError } from '../errors.js';
import type { HostTensors } from '../host.js';
import { type HostSpec, sitesOfKind } from '../host-spec.js';
import { briefJson } from '../json/brief-json.js';
import type { Json, JsonObject } from '../json/json.js';
import type { NamedArray, NamedArrays } from '../parameters.js';
import { isWeightSite, tensorsOfSite } from '../site-tensors.js';
import { outputEmbeddings, savedModules, savedName } from './saved-modules.js';
import { readHostTensors } from './decode-part.js';
import type { CodecMethod } from './file-units.js';
import { headModulesOutside } from './hf-config.js';
import { headModules, hfPath } from './module-names.js';
import type { NameReport } from './normalise-names.js';

/** Modules of sequence classifiers that are heads, whatever the architecture calls its own. */
const anyHead: readonly string[] = ['classifier', 'pre_classifier', 'score'];

/** What a folder may hold of the host's own tensors. */
export interface SavedCandidates {
  /** Entries of `modules_to_save` that name modules of the encoder. */
  readonly modules: readonly string[];
  /** Tensors of these modules. */
  readonly named: readonly string[];
  /** Tables, which `save_embedding_layers` stores without a word. */
  readonly tables: readonly string[];
  /** Of `named`, the table that scores the next token as well; HF peft trains it apart from these unless `ensure_weight_tying` says otherwise. */
  readonly tied?: string;
}

/** HF peft takes every module whose name ends with an entry, with all that is below it. Errors: `TARGETS_TOO_MANY`. */
export function savedCandidates({ modules_to_save: entry }: JsonObject, host: HostSpec): SavedCandidates {
  const list = entry == null ? [] : Array.isArray(entry) ? (entry as readonly Json[]) : [entry];
  if (list.length > bounds.targets)
    throw new PeftError('TARGETS_TOO_MANY', {
      found: `"modules_to_save": a list of ${list.length} modules`,
      expected: `at most ${bounds.targets}`,
      fix: 'do not use this file unless you know who made it; else name kinds of modules ("pooler") instead of each one',
    });
  const entries = [...new Set(list)].filter(
    (name): name is string => typeof name === 'string' && !anyHead.includes(name),
  );
  const paths = host.sites.filter(isWeightSite).flatMap((site) => tensorsOfSite(site).map(({ path }) => path));
  const wanted = new Set(entries);
  const met = new Set<string>();
  const isHit = remember((module: string) => {
    const ends = Array.from(module, (_, start) => module.slice(start)).filter((end) => wanted.has(end));
    for (const end of ends) met.add(end);
    return ends.length > 0;
  });
  const named = paths.filter((path) => modulesAbove(hfPath(host, path)).filter(isHit).length > 0);
  const modules = entries.filter((name) => met.has(name));
  const tables = sitesOfKind(host, 'table').map(({ path }) => `${path}.weight`);
  const tied = host.languageModel?.tied ? named.find((path) => path === tables[0]) : undefined;
  return {
    modules,
    named,
    tables: tables.filter((path) => !named.includes(path)),
    ...(tied !== undefined && { tied }),
  };
}

/**
 * What HF peft would compute otherwise, or cannot hold. `owned`: tensors of the method.
 * Errors: `CONFIG_KEY_UNSUPPORTED` for a table that is trained apart from the output embeddings tied to it, and for tensors of the method.
 */
export function requireSavable(
  { named, tied }: SavedCandidates,
  config: JsonObject,
  owned: ReadonlySet<string>,
  host: HostSpec,
): void {
  if (tied !== undefined && config['ensure_weight_tying'] !== true)
    throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
      found: `"modules_to_save" names "${tied}", which the output embeddings share: HF peft trains it apart from these and leaves them as they are`,
      expected: '"ensure_weight_tying": true, where both change',
      fix: 'train the adapter again with ensure_weight_tying=True, or without the word embeddings',
    });
  const both = named.find((path) => owned.has(savedName(host, path)));
  if (both === undefined) return;
  throw new PeftError('CONFIG_KEY_UNSUPPORTED', {
    found: `"modules_to_save" and ${briefJson(config['peft_type'])} both train "${both}"`,
    expected: 'one of them',
    fix: 'train the adapter again with "bias": "none" or "lora_only", or without that module',
  });
}

/** A function that is asked for each argument once. */
function remember<Result>(run: (argument: string) => Result): (argument: string) => Result {
  const known = new Map<string, Result>();
  return (argument) => {
    if (!known.has(argument)) known.set(argument, run(argument));
    return known.get(argument)!;
  };
}

/** `bert.pooler.dense` and `bert.pooler` of `bert.pooler.dense.weight`. */
const modulesAbove = (tensor: string): string[] => {
  const segments = tensor.split('.').slice(0, -1);
  return segments.map((_, place) => segments.slice(0, place + 1).join('.')).slice(1);
};

/** Entries of `modules_to_save` that mean a part of the head: `out_proj` of RoBERTa's classifier, the pooler of DeBERTa. */
export const isPartOfHead = (entry: Json, host: HostSpec): boolean =>
  typeof entry === 'string' &&
  (headModules(host).some((module) => module.endsWith(entry)) || headModulesOutside(host).includes(entry));

/** What was found of the host's own tensors. */
export interface TakenTensors {
  /** The method that holds them with its effective parameters; absent if there is nothing but what the host has. */
  readonly saved?: { readonly method: CodecMethod; readonly effective: NamedArrays };
  readonly rest: NamedArrays;
  readonly dropped: NameReport['dropped'];
}

/**
 * Parts what HF peft stored of the host's own tensors from those of the method. A table that is the host's own is dropped.
 * Errors: `TENSOR_MISSING` for a module that `modules_to_save` names, `TENSOR_MISSHAPEN`.
 */
export async function takeSaved(
  tensors: NamedArrays,
  { modules, named, tables }: SavedCandidates,
  host: HostTensors,
  where: string,
): Promise<TakenTensors> {
  const nameOf = (path: string) => savedName(host.spec, path);
  const missing = named.find((path) => !tensors.has(nameOf(path)));
  if (missing !== undefined)
    throw new PeftError('TENSOR_MISSING', {
      found: `${where}: no tensor "${nameOf(missing)}", though "modules_to_save" names ${modules.map((name) => `"${name}"`).join(', ')}`,
      expected: 'all tensors of the modules that were trained',
      fix: 'save the adapter again from the library that wrote it',
    });
  const there = tables.filter((path) => tensors.has(nameOf(path)));
  const claimed = new Set([...named, ...there].map(nameOf));
  const sayNothing = await whyOutputsSayNothing(tensors, host);
  if (sayNothing !== undefined) claimed.add(outputEmbeddings.name);
  const rest = new Map([...tensors].filter(([name]) => !claimed.has(name)));
  const unchanged: string[] = [];
  for (const path of there) if (await isHostsOwn(tensors.get(nameOf(path))!, path, host)) unchanged.push(path);
  const dropped = [
    ...unchanged.map((path) => ({ name: nameOf(path), reason: unchangedTable })),
    ...(sayNothing === undefined ? [] : [{ name: outputEmbeddings.name, reason: sayNothing }]),
  ];
  const kept = [...named, ...there.filter((path) => !unchanged.includes(path))];
  if (kept.length === 0) return { rest, dropped };
  const method = savedModules({ tensors: kept, modules: [...modules] }) as CodecMethod;
  const frozen = await readHostTensors(method.files, host);
  requireShapes(tensors, kept, frozen, host.spec, where);
  return { saved: { method, effective: method.files.decode(tensors, host.spec, frozen) }, rest, dropped };
}

const unchangedTable = "the host's own table, unchanged";

/** HF peft stores output embeddings beside a table of words; they say nothing where they are the same table, or that of the host. */
async function whyOutputsSayNothing(tensors: NamedArrays, host: HostTensors): Promise<string | undefined> {
  const outputs = tensors.get(outputEmbeddings.name);
  const { languageModel } = host.spec;
  if (!outputs || !languageModel) return undefined;
  const path = languageModel.tied ? `${sitesOfKind(host.spec, 'table')[0]!.path}.weight` : outputEmbeddings.path;
  const stored = languageModel.tied ? tensors.get(savedName(host.spec, path)) : undefined;
  if (stored) return sameArrays(outputs, stored) ? `an equal copy of ${savedName(host.spec, path)}` : undefined;
  return (await isHostsOwn(outputs, path, host)) ? unchangedTable : undefined;
}

const sameArrays = (a: NamedArray, b: NamedArray): boolean =>
  a.shape.join() === b.shape.join() && a.data.every((value, index) => value === b.data[index]);

async function isHostsOwn({ shape, data }: NamedArray, path: string, host: HostTensors): Promise<boolean> {
  const own = host.weight(path);
  if (own.shape.join() !== shape.join()) return false;
  const values = await own.data();
  return data.every((value, index) => value === values[index]);
}

/** A table with added tokens, for example, does not fit the host. */
function requireShapes(
  tensors: NamedArrays,
  paths: readonly string[],
  frozen: NamedArrays,
  host: HostSpec,
  where: string,
) {
  for (const path of paths) {
    const name = savedName(host, path);
    const [found, own] = [tensors.get(name)!.shape, frozen.get(path)!.shape];
    const isMap = host.sites.some((site) => site.kind === 'linear' && `${site.path}.weight` === path);
    const expected = isMap ? [...own].reverse() : own;
    if (found.join() === expected.join()) continue;
    throw new PeftError('TENSOR_MISSHAPEN', {
      found: `${where}: "${name}" has shape [${found.join(', ')}]`,
      expected: `[${expected.join(', ')}], as host "${host.name}" has it`,
      fix: 'take the host that the adapter was trained on; tokens that were added to its table must be in its files',
    });
  }
}
