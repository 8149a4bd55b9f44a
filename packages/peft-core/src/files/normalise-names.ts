import { PeftError } from '../errors.js';
import type { HostSpec } from '../host-spec.js';
import type { NamedArray, NamedArrays } from '../parameters.js';

/** What became of the names of a file's tensors before they were judged. */
export interface NameReport {
  /** Tensors under another name than HF peft writes today. */
  readonly renamed: readonly { readonly from: string; readonly to: string }[];
  /** Tensors that say nothing new, each with the reason. */
  readonly dropped: readonly { readonly name: string; readonly reason: string }[];
}

export interface NormalisedTensors extends NameReport {
  readonly tensors: NamedArrays;
}

/**
 * Tensors under the names that are expected of them, whichever known spelling a file uses:
 *
 * - without `base_model.model.`, and with or without the name of the base model (`encoder…` from a bare encoder);
 * - with the name of the adapter inside (`lora_A.default.weight`, `ia3_l.default`), one name a file;
 * - with `modules_to_save` before the parameters of a module that is saved whole;
 * - the table of single tokens that are trained, under `token_adapter.base_layer`; one that is adapted, under `base_layer`;
 * - magnitudes of DoRA with `.weight`; biases without `base_layer`, as peft before 0.7 wrote them.
 *
 * Equal copies of a tensor are dropped, and so is `original_module`, the module as it was before training. What has no known spelling keeps its
 * name, to be judged by whoever checks names. Errors: `TENSOR_NAME_AMBIGUOUS` for a name that could mean two tensors or a second adapter in the
 * file, `ADAPTER_FILES_INCONSISTENT` for two tensors of one meaning that differ.
 */
export function normaliseNames(
  tensors: NamedArrays,
  expected: Iterable<string>,
  host: HostSpec,
  where: string,
): NormalisedTensors {
  const meant = new Map([...expected].map((name) => [coreOf(name, host), name]));
  const sources = new Map<string, { readonly from: string; readonly array: NamedArray }>();
  const result = new Map<string, NamedArray>();
  const renamed: { from: string; to: string }[] = [];
  const dropped: { name: string; reason: string }[] = [];
  const adapters = new Map<string, string>();
  for (const [name, array] of tensors) {
    const { targets, adapter, original } = readName(coreOf(name, host), meant);
    if (original) {
      dropped.push({ name, reason: 'the module as it was before training, which nothing uses' });
      continue;
    }
    if (targets.length > 1) throw ambiguous(where, name, `could mean ${targets.join(' or ')}`);
    if (adapter !== undefined) adapters.set(adapter, name);
    const to = targets[0] ?? name;
    const before = sources.get(to);
    if (before) {
      if (!equal(before.array, array)) throw differ(where, before.from, name, to);
      dropped.push({ name, reason: `an equal copy of ${before.from}` });
      continue;
    }
    sources.set(to, { from: name, array });
    result.set(to, array);
    if (to !== name) renamed.push({ from: name, to });
  }
  if (adapters.size > 1) {
    const [first, second] = [...adapters.values()];
    throw ambiguous(
      where,
      second!,
      `belongs to adapter "${[...adapters.keys()][1]}", "${first}" to "${[...adapters.keys()][0]}"`,
    );
  }
  return { tensors: result, renamed, dropped };
}

/** A name without the parts that depend on the class that was saved. */
function coreOf(name: string, { baseModelPrefix }: HostSpec): string {
  const plain = name.replace(/^base_model\.(model\.)?/, '');
  return plain.startsWith(`${baseModelPrefix}.`) ? plain.slice(baseModelPrefix.length + 1) : plain;
}

/** Segments that mean something, so that none is taken for the name of an adapter. */
const reserved = new Set(['weight', 'bias', 'base_layer', 'modules_to_save', 'original_module', 'dense', 'out_proj']);

interface ReadName {
  /** Expected names that it could stand for. */
  readonly targets: readonly string[];
  /** The name of an adapter inside it. */
  readonly adapter?: string;
  readonly original?: boolean;
}

/** Exact names first; then one known spelling, or two together (an adapter's name and a `.weight` too many). */
function readName(core: string, meant: ReadonlyMap<string, string>): ReadName {
  const exact = meant.get(core);
  if (exact !== undefined) return { targets: [exact] };
  const segments = core.split('.');
  const saved = segments.findIndex((segment) => segment === 'modules_to_save' || segment === 'original_module');
  const plain = saved < 0 ? segments : without(segments, saved);
  const spellings: { readonly segments: readonly string[]; readonly adapter?: string }[] = [{ segments: plain }];
  const places = saved < 0 ? [plain.length - 1, plain.length - 2] : [saved];
  for (const place of places) {
    const adapter = plain[place];
    if (adapter !== undefined && place > 0 && !reserved.has(adapter))
      spellings.push({ segments: without(plain, place), adapter });
  }
  const hits = spellings.flatMap(({ segments: spelled, adapter }) =>
    variantsOf(spelled).flatMap((variant) => {
      const target = meant.get(variant.join('.'));
      return target === undefined ? [] : [{ target, adapter }];
    }),
  );
  const targets = [...new Set(hits.map(({ target }) => target))];
  if (segments[saved] === 'original_module') return { targets: [], original: targets.length > 0 };
  const [adapter] = hits.every((hit) => hit.adapter !== undefined) ? hits.map((hit) => hit.adapter) : [];
  return { targets, ...(adapter !== undefined && { adapter }) };
}

function variantsOf(segments: readonly string[]): (readonly string[])[] {
  const last = segments.at(-1);
  const wrapped = segments.indexOf('token_adapter');
  return [
    segments,
    ...(wrapped > 0 && segments[wrapped + 1] === 'base_layer'
      ? [[...segments.slice(0, wrapped), ...segments.slice(wrapped + 2)]]
      : []),
    ...(last === 'weight' && segments.at(-2) === 'base_layer' ? [[...segments.slice(0, -2), last]] : []),
    ...(last === 'weight' ? [segments.slice(0, -1)] : []),
    ...(last === 'bias' ? [[...segments.slice(0, -1), 'base_layer', 'bias']] : []),
  ];
}

const without = (segments: readonly string[], place: number) => segments.filter((_, index) => index !== place);

const equal = (a: NamedArray, b: NamedArray) =>
  a.shape.join() === b.shape.join() && a.data.every((value, index) => value === b.data[index]);

const ambiguous = (where: string, name: string, found: string) =>
  new PeftError('TENSOR_NAME_AMBIGUOUS', {
    found: `${where}: "${name}" ${found}`,
    expected: 'tensors of one adapter, each with one meaning',
    fix: 'save the adapter alone and again, from the library that wrote it',
  });

const differ = (where: string, first: string, second: string, meaning: string) =>
  new PeftError('ADAPTER_FILES_INCONSISTENT', {
    found: `${where}: "${first}" and "${second}" both mean "${meaning}" and differ`,
    expected: 'one of them, or two equal copies',
    fix: 'save the adapter again from the library that wrote it',
  });
