import type { Adapter } from '../adapter.js';
import type { EncodedAdapter } from '../file-codec.js';
import type { HostTensors } from '../host.js';
import type { HostSpec } from '../host-spec.js';
import { PeftError } from '../errors.js';
import type { JsonObject } from '../json/json.js';
import type { PeftMethod } from '../method.js';
import { type NamedArray, type NamedArrays, namespaceOf, readParameters } from '../parameters.js';
import { checkPlaces } from '../places.js';
import { storedTensors } from '../plan.js';
import { readFolded } from '../read-folded.js';
import { describeMethod } from '../registry.js';
import { writeSafetensors } from '../safetensors/write-safetensors.js';
import { type AdapterFiles, hfConfigName, recordName, tensorsName, verticesName } from './adapter-files.js';
import { type AdapterRecord, hfLayout, makeRecord, ownLayout } from './adapter-record.js';
import { asBareEncoder } from './bare-encoder.js';
import { isBareEncoder } from './base-class.js';
import { forChoices } from './choice-head.js';
import { canonicalJson, readableJson } from '../json/canonical-json.js';
import { checkFinite, checkTensors } from './check-tensors.js';
import { readHostTensors } from './decode-part.js';
import { type FileUnit, planFileUnits } from './file-units.js';
import { encodeHead, hasForeignBias, headDifference } from './head-tensors.js';
import { type HfConfigOptions, makeHfConfig, taskToKeep } from './hf-config.js';
import { hfPath, savedSelector, withoutBase } from './module-names.js';
import { ownEntries } from './own-entries.js';
import { sharedTables } from './take-tokens.js';
import { isWeightSite } from '../site-tensors.js';
import { adapterForAnotherHost } from './host-check.js';
import { sha256Hex } from '../sha256-hex.js';

/** `baseModelNameOrPath` and `revision` go into adapter_config.json; `extraConfig` gives back what a load kept. */
export interface SaveOptions extends HfConfigOptions {
  /** Of the tokenizer that made the ids, to be noticed where another one makes them. */
  readonly tokenizerDigest?: string;
  /** Where the texts that it learned from were cut, in tokens, so that others are cut there too. */
  readonly maxTokens?: number;
}

/**
 * The files of an adapter. The top folder is one that HF peft loads if the method is one that it knows with at most one head; what HF peft
 * would compute differently is listed under `differences` in `tfjs_peft.json`. A simplex is stored as its midpoint, with all vertices in
 * `vertices.safetensors`. Parameters are read, not disposed.
 * Errors: `ADAPTER_FOR_ANOTHER_HOST`, `VALUES_NOT_FINITE`, `TENSOR_MISSING`, `TENSOR_UNEXPECTED`, `TENSOR_MISSHAPEN`, `NAMESPACE_UNSAFE`;
 * `PARTS_OVERLAP` for parts that one folder of HF peft would store under one name.
 */
export async function saveAdapter(
  adapter: Adapter,
  tensors: HostTensors,
  options: SaveOptions = {},
): Promise<AdapterFiles> {
  const host = tensors.spec;
  if (adapter.hostFingerprint !== host.fingerprint)
    throw adapterForAnotherHost({ fingerprint: adapter.hostFingerprint }, host);
  const whole = await readFolded(adapter);
  const { method, changed: folded } = whole;
  const arrays = withoutSeeded(whole.arrays, method, host);
  const changed = folded || canonicalJson(describeMethod(method)) !== canonicalJson(describeMethod(adapter.method));
  checkParameters(method, arrays, host);
  const units: EncodedUnit[] = [];
  for (const unit of planFileUnits(method)) {
    const frozen = new Map<string, NamedArray>();
    if (unit.kind === 'hf')
      for (const { files: codec } of [unit.method, ...unit.beside])
        for (const [path, array] of await readHostTensors(codec, tensors)) frozen.set(path, array);
    units.push(await encodeUnit(unit, arrays, host, frozen, options));
  }
  const files = new Map(units.flatMap((unit) => [...unit.files]));
  if (changed) {
    const vertices = withoutSeeded(await readParameters(adapter.effective), adapter.method, host);
    checkParameters(adapter.method, vertices, host);
    files.set(verticesName, writeSafetensors(vertices));
  }
  const differences = new Set(units.flatMap((unit) => unit.differences));
  if (units.length > 1) differences.add('HF peft loads one folder of parts/ at a time, not their composition');
  const entries = units.map(({ entry }) => entry);
  const unfolded = changed ? adapter.method : null;
  const record = await makeRecord(files, host, method, unfolded, entries, [...differences], options);
  files.set(recordName, utf8(readableJson(record)));
  return files;
}

/** Buffers that a seed gives need no place in a file. */
function withoutSeeded(arrays: NamedArrays, method: PeftMethod, host: HostSpec): NamedArrays {
  const seeded = new Set(
    (method.plan(host).buffers ?? []).flatMap(({ name, seed }) => (seed === undefined ? [] : [name])),
  );
  return seeded.size === 0 ? arrays : new Map([...arrays].filter(([name]) => !seeded.has(name)));
}

function checkParameters(method: PeftMethod, arrays: NamedArrays, host: HostSpec): void {
  const where = `parameters of ${method.type}`;
  checkTensors(arrays, storedTensors(method.plan(host)), where);
  checkPlaces(arrays, method.plan(host), where);
  checkFinite(arrays, where);
}

interface EncodedUnit {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly entry: AdapterRecord['units'][number];
  readonly differences: readonly string[];
}

type HfUnit = Extract<FileUnit, { kind: 'hf' }>;

async function encodeUnit(
  unit: FileUnit,
  arrays: NamedArrays,
  host: HostSpec,
  frozen: NamedArrays,
  options: SaveOptions,
): Promise<EncodedUnit> {
  const { folder } = unit;
  if (unit.kind === 'own') {
    const types = unit.methods.map(({ type }) => type).join(' + ');
    return {
      files: new Map([[folder + tensorsName, writeSafetensors(select(arrays, unit.methods))]]),
      entry: { folder, peftType: null, layout: ownLayout, configSha256: null },
      differences: [`HF peft has no counterpart of ${types}`],
    };
  }
  const { files: codec } = unit.method;
  const hasHead = unit.head !== undefined;
  const beside = unit.beside.map((part) => part.files.encode(select(arrays, [part]), host, frozen));
  const own = codec.encode(select(arrays, [unit.method]), host, frozen);
  const types = [unit.method, ...unit.beside].map(({ type }) => type);
  const tensorsOfParts = [own, ...beside].map(({ tensors }) => [...tensors]);
  const whole = {
    ...own,
    config: Object.fromEntries(
      onceEach([own.config, ...beside.map(ownEntries)].map(Object.entries), types),
    ) as JsonObject,
    tensors: new Map(onceEach(tensorsOfParts, types)),
  };
  const bare = !hasHead && isBareEncoder(options.extraConfig ?? {});
  const encoded = bare ? { ...whole, ...(await asBareEncoder(whole.tensors, whole.config, host)) } : whole;
  const choices = unit.head?.head.choices ?? false;
  const headHost = choices ? forChoices(host, `the head of ${unit.method.type}`) : host;
  const headTensors = unit.head ? encodeHead(unit.head, arrays, codec.headPrefix, headHost) : new Map();
  onceEach([[...encoded.tensors], [...headTensors]], [types.join(' + '), 'HEAD']);
  const { headless = false, peftType } = codec;
  const saved = beside.flatMap(savedNames);
  const config: JsonObject = makeHfConfig(
    peftType,
    encoded.config,
    { hasHead, choices, headless, saved: bare ? saved.map((name) => withoutBase(name, host)) : saved },
    options,
    host,
  );
  const isWhole = hasHead || headless || taskToKeep(options.extraConfig ?? {}, host) !== 'SEQ_CLS';
  const ofOwnHead = headless && hasHead ? `HF peft reads no head beside ${peftType}` : undefined;
  const headReason = ofOwnHead ?? (unit.head || !isWhole ? headDifference(unit.head, headHost) : undefined);
  return {
    files: new Map([
      [folder + hfConfigName, utf8(readableJson(config))],
      [folder + tensorsName, writeSafetensors(new Map([...encoded.tensors, ...headTensors]))],
    ]),
    entry: { folder, peftType: codec.peftType, layout: hfLayout, configSha256: sha256Hex(canonicalJson(config)) },
    differences: [
      ...encoded.differences,
      ...beside.flatMap(({ differences }) => differences),
      ...besideDifferences(unit, saved, host),
      ...(headReason === undefined ? [] : [headReason]),
      ...(unit.head && hasForeignBias(unit.head, arrays, headHost)
        ? [`HF's sequence classifier for "${host.modelType}" has no bias, this head has one`]
        : []),
    ],
  };
}

/** The entries of all parts. Errors: `PARTS_OVERLAP` for two of one name, of which a file keeps one. */
function onceEach<Value>(
  parts: readonly (readonly (readonly [string, Value])[])[],
  types: readonly string[],
): (readonly [string, Value])[] {
  const owners = new Map<string, string>();
  parts.forEach((part, place) => {
    for (const [name] of part) {
      const before = owners.get(name);
      if (before !== undefined) throw overlap(name, before, types[place]!);
      owners.set(name, types[place]!);
    }
  });
  return parts.flat();
}

const overlap = (name: string, first: string, second: string) =>
  new PeftError('PARTS_OVERLAP', {
    found: `${first} and ${second} both store "${name}" in the folder of one adapter of HF peft`,
    expected: 'one part for each tensor and each entry of adapter_config.json',
    fix: 'train them as one part, or merge one of them into the host with mergeAdapter and save the rest',
  });

/** Why HF peft would not run what stands beside the method: it adapts no module that `modules_to_save` holds, and no table in two ways. */
function besideDifferences({ method, beside }: HfUnit, saved: readonly string[], host: HostSpec): string[] {
  const { peftType } = method.files;
  const isSaved = savedSelector(saved);
  const weights = new Set(host.sites.filter(isWeightSite).map(({ path }) => path));
  const sites = new Set(method.plan(host).effective.flatMap(({ site }) => (site === undefined ? [] : [site])));
  const lost = new Set([...sites].filter((path) => weights.has(path) && isSaved(hfPath(host, path))));
  return [
    ...[...lost].map((path) => `HF peft has no ${method.type} of ${path}, which "modules_to_save" holds`),
    ...beside.flatMap((part) => {
      const { besideTypes } = part.files;
      if (besideTypes && !besideTypes.includes(peftType)) return [`HF peft has no ${part.type} beside ${peftType}`];
      const others = [method, ...(besideTypes ? beside.filter((other) => other !== part) : [])];
      return others.flatMap((other) =>
        sharedTables(part, other, host)
          .filter((path) => other !== method || !lost.has(path))
          .map((path) => `HF peft has no ${part.type} of ${path}, which ${other.type} changes`),
      );
    }),
  ];
}

const savedNames = ({ config: { modules_to_save: modules } }: EncodedAdapter): string[] =>
  Array.isArray(modules) ? (modules as string[]) : [];

function select(arrays: NamedArrays, methods: readonly PeftMethod[]): NamedArrays {
  const namespaces = new Set(methods.flatMap((method) => method.namespaces));
  return new Map([...arrays].filter(([name]) => namespaces.has(namespaceOf(name))));
}

const utf8 = (text: string) => new TextEncoder().encode(text);
