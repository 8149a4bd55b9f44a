import { compose } from '../compose.js';
import { nearMisses, PeftError } from '../errors.js';
import { head as createHead } from '../head.js';
import type { HostTensors } from '../host.js';
import type { Json, JsonObject } from '../json/json.js';
import type { NamedArrays } from '../parameters.js';
import { checkPlaces } from '../places.js';
import { storedTensors } from '../plan.js';
import type { MethodDefinition, MethodRegistry } from '../registry.js';
import { type AdapterFiles, hfConfigName, requireFile, tensorsName, verticesName } from './adapter-files.js';
import type { HostSpec } from '../host-spec.js';
import { savedName } from './saved-modules.js';
import { isBareEncoder, isMultipleChoice, requireTask, tokenModuleOf, withBareNames } from './base-class.js';
import { forChoices } from './choice-head.js';
import { briefJson } from '../json/brief-json.js';
import { checkTensors, readTensors } from './check-tensors.js';
import type { CodecMethod } from './file-units.js';
import { blankEncoding, decodePart, inFile, readHostTensors } from './decode-part.js';
import {
  completeHead,
  decodeHead,
  headMissing,
  hfHeadConfig,
  hfHeadNames,
  refuseMethodAtHead,
  takeHead,
} from './head-tensors.js';
import { checkForeignKeys, ignoredEntries } from './hf-config.js';
import { chooseLabels } from './label-names.js';
import type { LoadedArrays, LoadOptions } from './load-options.js';
import { headOutputs } from './head-outputs.js';
import { namesModules } from './module-names.js';
import { outputEmbeddings } from './saved-modules.js';
import { isPartOfHead, requireSavable, savedCandidates, takeSaved } from './take-saved.js';
import { expectTokens, requireOwnTables, takeTokens } from './take-tokens.js';
import { tokenHead, type TokenHeadConfig, tokenHeadNames } from './token-head.js';
import { normaliseNames } from './normalise-names.js';
import { hfTypes, unreadHfTypes, wayOutOf } from './hf-types.js';
import { isJsonObject, parseJsonObject } from '../json/parse-json-strict.js';

/** A folder that HF peft wrote: the method through its definition's `fromHfConfig`, the head from `classifier.*`. */
export async function loadHfFolder(
  files: AdapterFiles,
  tensors: HostTensors,
  registry: MethodRegistry,
  options: LoadOptions,
): Promise<LoadedArrays> {
  const host = tensors.spec;
  const warn = options.onWarning ?? (() => undefined);
  refuseVerticesAlone(files, options, warn);
  const file = parseJsonObject(requireFile(files, hfConfigName), hfConfigName);
  const taskType = requireTask(file, host, hfConfigName);
  requireHfDefinition(file, registry);
  const read = await readTensors(files, tensorsName);
  const config = withBareNames(file, read.keys(), host);
  const method = await buildMethod(config, host, registry);
  refuseMethodAtHead(read, host, tensorsName);
  const frozen = await readHostTensors(method.files, tensors);
  const blank = blankEncoding(method, host, frozen, read, tensorsName);
  const candidates = inFile(hfConfigName, () => {
    const found = savedCandidates(config, host);
    requireSavable(found, config, new Set(blank.tensors.keys()), host);
    return found;
  });
  const tokens = await expectTokens(config, tensors, read, tensorsName);
  const tokenModule = requireTokenModule(config, method, host);
  const isChoice = isMultipleChoice(config);
  const headHost = isChoice ? forChoices(host, hfConfigName) : host;
  const names = [
    ...blank.tensors.keys(),
    ...(tokenModule
      ? tokenHeadNames(tokenModule)
      : hfHeadNames(headHost).map((name) => method.files.headPrefix + name)),
    ...[...candidates.named, ...candidates.tables].map((path) => savedName(host, path)),
    ...(host.languageModel && read.has(outputEmbeddings.name) ? [outputEmbeddings.name] : []),
    ...(tokens?.names ?? []),
  ];
  const { tensors: named, ...nameReport } = normaliseNames(read, names, host, tensorsName);
  const perToken = tokenModule && takeTokenHead(named, tokenModule, host, files, options);
  const { head: found, rest: withSaved } = takeHead(perToken?.rest ?? named, headHost, tensorsName);
  const { saved, rest: withTokens, dropped } = await takeSaved(withSaved, candidates, tensors, tensorsName);
  const { taken: ofTokens, rest } = takeTokens(withTokens, tokens);
  if (tokens) requireOwnTables(tokens.method, [method, ...(saved ? [saved.method] : [])], host);
  const trained = found ?? (isChoice ? new Map<string, never>() : undefined);
  const completed = trained && completeHead(trained, options.hostHead, headHost);
  const stored = completed?.size ? completed : undefined;
  const savedEntries = new Set<Json>(candidates.modules);
  const extraConfig = checkForeignKeys(
    config,
    { ...blank.config, ...tokens?.config, ...(candidates.tied !== undefined && { ensure_weight_tying: true }) },
    hfConfigName,
    warn,
    (entry) => savedEntries.has(entry) || entry === tokenModule || isPartOfHead(entry, host),
  );
  const effective = new Map(decodePart(method, rest, blank, host, frozen, tensorsName));
  const report = {
    writtenBy: 'hf-peft',
    tensors: named.size,
    ignoredEntries: ignoredEntries(extraConfig),
    ...nameReport,
    dropped: [...nameReport.dropped, ...dropped],
  } as const;
  if (!stored) {
    const { peft_version: version } = config;
    const promptLearning = method.files.headPrefix === 'base_model.';
    const wantsHead = taskType === 'SEQ_CLS' || (tokenModule !== undefined && taskType !== null);
    if (wantsHead && !perToken && !method.files.headless)
      throw headMissing(tensorsName, promptLearning, typeof version === 'string' ? version : undefined);
    checkTensors(effective, storedTensors(method.plan(host)), tensorsName);
    checkPlaces(effective, method.plan(host), tensorsName);
    const beside = [saved, ofTokens, perToken].filter((part) => part !== undefined);
    if (beside.length === 0) return { method, effective, extraConfig, report };
    for (const part of beside) for (const [name, array] of part.effective) effective.set(name, array);
    const whole = compose(method, ...beside.map((part) => part.method));
    checkTensors(effective, storedTensors(whole.plan(host)), tensorsName);
    return { method: whole, effective, extraConfig, report };
  }
  const last = `${headHost.classifier.output}.weight`;
  const outputs = headOutputs(stored.get(last), last, headHost, tensorsName);
  const head = createHead(
    isChoice
      ? { ...hfHeadConfig(headHost, ['choice']), choices: true }
      : hfHeadConfig(host, chooseLabels(outputs, labelsOfModel(outputs, files), options, 'config.json')),
  );
  for (const [name, array] of decodeHead(head, stored, headHost, tensorsName)) effective.set(name, array);
  const beside = [saved, ofTokens].filter((part) => part !== undefined);
  for (const part of beside) for (const [name, array] of part.effective) effective.set(name, array);
  const whole = compose(method, ...beside.map((part) => part.method), head);
  checkTensors(effective, storedTensors(whole.plan(host)), tensorsName);
  checkPlaces(effective, whole.plan(host), tensorsName);
  return { method: whole, effective, extraConfig, report };
}

/** The head's module of a class for single tokens. Errors: `TASK_UNSUPPORTED` for prompts before them, and for heads of another form. */
function requireTokenModule(config: JsonObject, method: CodecMethod, { classifier, modelType }: HostSpec) {
  const module = tokenModuleOf(config);
  if (module !== undefined && classifier.hidden?.norm !== undefined)
    throw new PeftError('TASK_UNSUPPORTED', {
      found: `${hfConfigName}: an adapter for single tokens of "${modelType}", whose head has a dense layer and a LayerNorm before "${module}"`,
      expected: 'an adapter for whole texts, or for the encoder alone',
      fix: 'open this one in HF peft',
    });
  if (module === undefined || method.files.headPrefix === 'base_model.model.') return module;
  throw new PeftError('TASK_UNSUPPORTED', {
    found: `${hfConfigName}: "task_type": ${briefJson(config['task_type'])} with ${method.type}`,
    expected: 'a method that changes the encoder: LoRA, IA3 and the like',
    fix: 'open this one in HF peft',
  });
}

/** The head of single tokens with its numbers; undefined if the file has none. Errors: `TENSOR_MISSING`, `TENSOR_MISSHAPEN`. */
function takeTokenHead(
  tensors: NamedArrays,
  module: TokenHeadConfig['module'],
  host: HostSpec,
  files: AdapterFiles,
  options: LoadOptions,
) {
  const names = tokenHeadNames(module);
  const [weight] = names;
  if (!tensors.has(weight)) return undefined;
  const outputs = headOutputs(tensors.get(weight), weight, host, tensorsName);
  const labels = chooseLabels(outputs, labelsOfModel(outputs, files), options, 'config.json');
  const method = tokenHead({ labels: [...labels], module });
  const own = new Map([...tensors].filter(([name]) => names.includes(name)));
  const rest = new Map([...tensors].filter(([name]) => !names.includes(name)));
  checkTensors(
    own,
    names.map((name) => ({ name, shape: tensors.get(name)?.shape ?? [outputs] })),
    tensorsName,
  );
  return { method, effective: method.files!.decode(own, {} as HostTensors['spec'], new Map()), rest };
}

/** The definition that reads a folder of HF peft. Errors: `UNKNOWN_PEFT_TYPE`. */
export function requireHfDefinition({ peft_type: peftType }: JsonObject, registry: MethodRegistry): MethodDefinition {
  const known = [...registry.definitions.values()].filter(({ fromHfConfig }) => fromHfConfig).map(({ type }) => type);
  const definition = typeof peftType === 'string' ? registry.definitions.get(peftType) : undefined;
  if (definition?.fromHfConfig) return definition;
  const unread = typeof peftType === 'string' ? unreadHfTypes.get(peftType.toUpperCase()) : undefined;
  const meant = typeof peftType === 'string' && !unread ? slipOf(peftType, known) : undefined;
  const why = unread ? `, which no method here reads: ${unread.reason}` : ', which no method here reads';
  throw new PeftError('UNKNOWN_PEFT_TYPE', {
    found: `${hfConfigName}: "peft_type": ${briefJson(peftType)}${meant === undefined ? why : ''}`,
    expected: `one of ${known.join(', ') || '(the registry has no method that HF peft knows)'}`,
    fix:
      meant !== undefined
        ? `did you mean "${meant}"?`
        : unread
          ? wayOutOf(unread)
          : 'use it in HF peft, or train the adapter again with one of these methods',
  });
}

/** The known type that a misspelt one must mean: the same letters, or all but one of them. */
function slipOf(peftType: string, known: readonly string[]): string | undefined {
  if (peftType.length > 64 || hfTypes.includes(peftType.toUpperCase())) return undefined;
  const lettersOf = (type: string) => type.toUpperCase().replace(/[^A-Z0-9]/g, '');
  const close = nearMisses(lettersOf(peftType), known.map(lettersOf), 1)[0];
  const [long, short] = [close ?? '', lettersOf(peftType)].sort((a, b) => b.length - a.length) as [string, string];
  const isSlip = long.length - short.length <= 1 && [...short].filter((letter, i) => letter !== long[i]).length <= 1;
  return close !== undefined && isSlip ? known.find((type) => lettersOf(type) === close) : undefined;
}

async function buildMethod(
  config: JsonObject,
  host: HostTensors['spec'],
  registry: MethodRegistry,
): Promise<CodecMethod> {
  const definition = requireHfDefinition(config, registry);
  const respell = namesModules(config) ? await import('./respell-config.js') : undefined;
  const input = inFile(hfConfigName, () => {
    const spelled = respell?.asClassifierConfig(config, host, isBareEncoder(config)) ?? config;
    return definition.fromHfConfig!(spelled, host);
  });
  const method = inFile(hfConfigName, () => registry.build({ type: definition.type, config: input as JsonObject }));
  if (method.files) return method as CodecMethod;
  throw new Error(`${definition.type} reads HF configurations but has no file codec`);
}

/** Without a record nothing says what the vertices are; a folder without vertices is its own point. */
function refuseVerticesAlone(files: AdapterFiles, options: LoadOptions, warn: (message: string) => void): void {
  if (!files.has(verticesName)) return;
  const found = `a folder without tfjs_peft.json but with ${verticesName}`;
  if (!options.unfolded) return warn(`${found}: only the folded adapter is loaded`);
  throw new PeftError('ADAPTER_FILE_MISSING', {
    found,
    expected: `tfjs_peft.json, which says what the vertices are`,
    fix: `pass all files of the folder; without ${verticesName} the folded adapter is loaded`,
  });
}

/** Names of the labels from the config.json of the model, if it is among the files. */
function labelsOfModel(count: number, files: AdapterFiles): readonly (Json | undefined)[] {
  const bytes = files.get('config.json');
  const map = bytes && parseJsonObject(bytes, 'config.json')['id2label'];
  return isJsonObject(map) ? Array.from({ length: count }, (_, i) => map[String(i)]) : [];
}
