import { PeftError } from '../errors.js';
import type { HostTensors } from '../host.js';
import type { HostSpec } from '../host-spec.js';
import type { Json, JsonObject } from '../json/json.js';
import { seededBuffers } from '../initial-values.js';
import type { PeftMethod } from '../method.js';
import type { NamedArray, NamedArrays } from '../parameters.js';
import { checkPlaces } from '../places.js';
import { storedTensors } from '../plan.js';
import type { MethodRegistry } from '../registry.js';
import {
  type AdapterFiles,
  hfConfigName,
  recordName,
  requireFile,
  tensorsName,
  verticesName,
} from './adapter-files.js';
import { type AdapterRecord, checkStoredFiles, hfLayout, ownLayout } from './adapter-record.js';
import { asBareEncoder } from './bare-encoder.js';
import { isBareEncoder, withBareNames } from './base-class.js';
import { briefJson } from '../json/brief-json.js';
import { canonicalJson } from '../json/canonical-json.js';
import { checkTensors, readTensors } from './check-tensors.js';
import { blankEncoding, decodePart, readHostTensors } from './decode-part.js';
import { type FileUnit, planFileUnits } from './file-units.js';
import { forChoices } from './choice-head.js';
import { decodeHead, takeHead } from './head-tensors.js';
import { checkForeignKeys, ignoredEntries } from './hf-config.js';
import { withoutBase } from './module-names.js';
import { isPartOfHead } from './take-saved.js';
import { adapterForAnotherHost } from './host-check.js';
import type { LoadedArrays, LoadOptions, LoadReport } from './load-options.js';
import { ownEntries } from './own-entries.js';
import { normaliseNames } from './normalise-names.js';
import { parseJsonObject } from '../json/parse-json-strict.js';
import { sha256Hex } from '../sha256-hex.js';

/** A folder with a record of ours: the record says what the method is, every other file is checked against it. */
export async function loadOwnFolder(
  record: AdapterRecord,
  files: AdapterFiles,
  tensors: HostTensors,
  registry: MethodRegistry,
  options: LoadOptions,
): Promise<LoadedArrays> {
  const host = tensors.spec;
  const warn = options.onWarning ?? (() => undefined);
  if (record.host.fingerprint !== host.fingerprint) {
    const mismatch = adapterForAnotherHost(record.host, host);
    if (!options.allowOtherHost) throw mismatch;
    warn(mismatch.message);
  }
  const { tokenizer } = record.host;
  if (tokenizer !== undefined && options.tokenizerDigest !== undefined && tokenizer !== options.tokenizerDigest)
    warn(
      `the adapter was made with another tokenizer (${tokenizer.slice(0, 12)}) than that of host "${host.name}" (${options.tokenizerDigest.slice(0, 12)}): the same texts may get other ids, and other answers`,
    );
  const method = registry.build(record.method);
  const effective = new Map<string, NamedArray>();
  let extraConfig: JsonObject = {};
  for (const unit of planFileUnits(method)) {
    const part = await (unit.kind === 'hf'
      ? loadHfUnit(unit, record, files, tensors, warn)
      : loadOwnUnit(unit, record, files));
    for (const [name, array] of part.arrays) addOnce(effective, name, array, unit.folder);
    extraConfig = { ...extraConfig, ...part.foreign };
  }
  checkTensors(effective, storedTensors(method.plan(host)), tensorsName);
  checkPlaces(effective, method.plan(host), tensorsName);
  await checkStoredFiles(record, files, (name) => name !== verticesName);
  const reportOf = (tensors: NamedArrays): LoadReport => ({
    writtenBy: 'tfjs-peft',
    tensors: tensors.size,
    ignoredEntries: ignoredEntries(extraConfig),
    renamed: [],
    dropped: [],
    ...(record.maxTokens !== undefined && { maxTokens: record.maxTokens }),
  });
  if (!options.unfolded || !record.unfolded)
    return { method, effective: withSeededBuffers(effective, method, host), extraConfig, report: reportOf(effective) };

  const unfolded = registry.build(record.unfolded);
  const vertices = await readTensors(files, verticesName);
  checkTensors(vertices, storedTensors(unfolded.plan(host)), verticesName);
  checkPlaces(vertices, unfolded.plan(host), verticesName);
  await checkStoredFiles(record, files, (name) => name === verticesName);
  return {
    method: unfolded,
    effective: withSeededBuffers(vertices, unfolded, host),
    extraConfig,
    report: reportOf(vertices),
  };
}

const withSeededBuffers = (stored: NamedArrays, method: PeftMethod, host: HostSpec): NamedArrays =>
  new Map([...stored, ...seededBuffers(method.plan(host))]);

/** The order of numbers inside a tensor shows in nothing but this tag. */
function requireLayout(found: string, expected: string, where: string): void {
  if (found === expected) return;
  throw new PeftError('ADAPTER_FORMAT_UNKNOWN', {
    found: `${recordName}: layout "${found}" of the tensors beside ${where}`,
    expected: `"${expected}"`,
    fix: 'update @tfjs-peft/peft-core, or save the adapter again with the version that wrote it',
  });
}

type HfUnit = Extract<FileUnit, { kind: 'hf' }>;

async function loadOwnUnit({ folder }: FileUnit, record: AdapterRecord, files: AdapterFiles) {
  const where = folder + tensorsName;
  requireLayout(record.units.find((unit) => unit.folder === folder)?.layout ?? ownLayout, ownLayout, where);
  return { arrays: await readTensors(files, where), foreign: {} };
}

async function loadHfUnit(
  unit: HfUnit,
  record: AdapterRecord,
  files: AdapterFiles,
  hostTensors: HostTensors,
  warn: (message: string) => void,
) {
  const host = hostTensors.spec;
  const where = unit.folder + tensorsName;
  const tensors = await readTensors(files, where);
  const beside = [];
  for (const part of unit.beside) {
    const own = await readHostTensors(part.files, hostTensors);
    beside.push({ part, own, blank: blankEncoding(part, host, own, tensors, where) });
  }
  const isBeside = new Set(beside.flatMap(({ blank: other }) => [...other.tensors.keys()]));
  const others = new Map([...tensors].filter(([name]) => !isBeside.has(name)));
  const headHost = unit.head?.head.choices ? forChoices(host, where) : host;
  const { head, rest } = takeHead(others, headHost, where);
  // Without a head in the method, its tensors stay among the others, where nothing claims them.
  const stored = new Map([...(unit.head ? rest : others), ...[...tensors].filter(([name]) => isBeside.has(name))]);
  const frozen = await readHostTensors(unit.method.files, hostTensors);
  const blank = blankEncoding(unit.method, host, frozen, stored, where);
  const configName = unit.folder + hfConfigName;
  const file = parseJsonObject(requireFile(files, configName), configName);
  const config = withBareNames(file, tensors.keys(), host);
  const bare = !unit.head && isBareEncoder(config);
  const names = [blank, ...beside.map(({ blank: other }) => other)].flatMap(({ tensors: all }) => [...all.keys()]);
  const saved = beside.flatMap(({ blank: { config: entries } }) => (entries['modules_to_save'] ?? []) as string[]);
  const savedNames = new Set<Json>(bare ? saved.map((name) => withoutBase(name, host)) : saved);
  const isKnown = (entry: Json) => savedNames.has(entry) || isPartOfHead(entry, host);
  const whole = Object.assign({ ...blank.config }, ...beside.map(({ blank: part }) => ownEntries(part))) as JsonObject;
  const entries = bare ? (await asBareEncoder(blank.tensors, whole, host)).config : whole;
  const foreign = checkStoredConfig(unit, record, { file, config }, entries, warn, isKnown);
  const own = bare ? normaliseNames(stored, names, host, where).tensors : stored;
  const ofMethod = new Map([...own].filter(([name]) => !isBeside.has(name)));
  const arrays = new Map(decodePart(unit.method, ofMethod, blank, host, frozen, where));
  for (const { part, own: frozenOfPart, blank: other } of beside) {
    const ofPart = new Map([...own].filter(([name]) => other.tensors.has(name)));
    for (const [name, array] of decodePart(part, ofPart, other, host, frozenOfPart, where)) arrays.set(name, array);
  }
  if (unit.head && head)
    for (const [name, array] of decodeHead(unit.head, head, headHost, where)) arrays.set(name, array);
  return { arrays, foreign };
}

/** The head is stored with every part that HF peft can load: the copies must agree. */
function addOnce(effective: Map<string, NamedArray>, name: string, array: NamedArray, folder: string): void {
  const before = effective.get(name);
  effective.set(name, array);
  const same = before?.data.length === array.data.length && before.data.every((x, i) => x === array.data[i]);
  if (!before || same) return;
  throw new PeftError('ADAPTER_FILES_INCONSISTENT', {
    found: `${folder}${tensorsName}: "${name}" differs from the copy in an earlier part`,
    expected: 'the same head in every part',
    fix: 'save the adapter again instead of exchanging parts',
  });
}

/**
 * The record, not adapter_config.json, says what the method is; a change there must not go unnoticed. Entries that say the same in other
 * words or have no effect give a warning, the others are an error. Result: the entries that no one here owns.
 */
function checkStoredConfig(
  unit: HfUnit,
  record: AdapterRecord,
  { file, config }: { readonly file: JsonObject; readonly config: JsonObject },
  blankConfig: JsonObject,
  warn: (message: string) => void,
  isKnown: (entry: Json) => boolean,
): JsonObject {
  const where = unit.folder + hfConfigName;
  const stored = record.units.find(({ folder }) => folder === unit.folder);
  requireLayout(stored?.layout ?? hfLayout, hfLayout, where);
  const expected: JsonObject = { ...blankConfig, peft_type: unit.method.files.peftType };
  const foreign = checkForeignKeys(config, expected, where, warn, isKnown);
  if (stored?.configSha256 === sha256Hex(canonicalJson(file))) return foreign;
  const edited = Object.keys(expected).filter(
    (key) => canonicalJson(config[key] ?? null) !== canonicalJson(expected[key] ?? null),
  );
  if (edited.length === 0) {
    warn(`${where} was changed after the adapter was saved; no entry that changes outputs differs`);
    return foreign;
  }
  throw new PeftError('ADAPTER_FILES_EDITED', {
    found: `${where} was changed after the adapter was saved: ${edited.map((key) => `"${key}" is ${briefJson(config[key])}`).join(', ')}`,
    expected: edited.map((key) => `"${key}": ${briefJson(expected[key])}`).join(', '),
    fix: `undo the change, or take ${recordName} out to load the folder as HF peft would`,
  });
}
