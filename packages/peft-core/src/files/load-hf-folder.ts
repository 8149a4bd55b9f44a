import { compose } from '../compose.js';
import { nearMisses, PeftError } from '../errors.js';
import { head as createHead } from '../head.js';
import type { HostTensors } from '../host.js';
import type { Json, JsonObject } from '../json.js';
import type { MethodRegistry } from '../registry.js';
import { type AdapterFiles, hfConfigName, requireFile, tensorsName, verticesName } from './adapter-files.js';
import { checkTensors, readTensors } from './check-tensors.js';
import type { CodecMethod } from './file-units.js';
import { blankEncoding, decodePart, inFile, readHostTensors } from './decode-part.js';
import { decodeHead, headMissing, hfHeadConfig, hfHeadNames, takeHead } from './head-tensors.js';
import { checkForeignKeys } from './hf-config.js';
import { chooseLabels } from './label-names.js';
import type { LoadedArrays, LoadOptions } from './load-options.js';
import { normaliseNames } from './normalise-names.js';
import { isJsonObject, parseJsonObject } from './parse-json-strict.js';

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
  const config = parseJsonObject(requireFile(files, hfConfigName), hfConfigName);
  const method = buildMethod(config, host, registry);
  const taskType = checkTask(config);
  const read = await readTensors(files, tensorsName);
  const frozen = await readHostTensors(method.files, tensors);
  const blank = blankEncoding(method, host, frozen, read, tensorsName);
  const names = [...blank.tensors.keys(), ...hfHeadNames(host).map((name) => method.files.headPrefix + name)];
  const { tensors: named, ...nameReport } = normaliseNames(read, names, host, tensorsName);
  const { head: stored, rest } = takeHead(named, host, tensorsName);
  const extraConfig = checkForeignKeys(config, blank.config, hfConfigName, warn);
  const effective = new Map(decodePart(method, rest, blank, host, frozen, tensorsName));
  const report = {
    writtenBy: 'hf-peft',
    tensors: named.size,
    ignoredEntries: Object.keys(extraConfig),
    ...nameReport,
  } as const;
  if (!stored) {
    const { peft_version: version } = config;
    const promptLearning = method.files.headPrefix === 'base_model.';
    if (taskType === 'SEQ_CLS')
      throw headMissing(tensorsName, promptLearning, typeof version === 'string' ? version : undefined);
    checkTensors(effective, method.plan(host).effective, tensorsName);
    return { method, effective, extraConfig, report };
  }
  const outputs = stored.get(`${host.classifier.output}.weight`)?.shape[0] ?? 1;
  const head = createHead(
    hfHeadConfig(host, chooseLabels(outputs, labelsOfModel(outputs, files), options, 'config.json')),
  );
  for (const [name, array] of decodeHead(head, stored, host, tensorsName)) effective.set(name, array);
  const whole = compose(method, head);
  checkTensors(effective, whole.plan(host).effective, tensorsName);
  return { method: whole, effective, extraConfig, report };
}

function buildMethod(config: JsonObject, host: HostTensors['spec'], registry: MethodRegistry): CodecMethod {
  const { peft_type: peftType } = config;
  const known = [...registry.definitions.values()].filter(({ fromHfConfig }) => fromHfConfig).map(({ type }) => type);
  const definition = typeof peftType === 'string' ? registry.definitions.get(peftType) : undefined;
  if (!definition?.fromHfConfig) {
    const [close] = typeof peftType === 'string' ? nearMisses(peftType, known, 1) : [];
    throw new PeftError('UNKNOWN_PEFT_TYPE', {
      found: `${hfConfigName}: "peft_type": ${(JSON.stringify(peftType) ?? 'none').slice(0, 60)}`,
      expected: `one of ${known.join(', ') || '(the registry has no method that HF peft knows)'}`,
      fix: close === undefined ? 'pass a registry with the definition of this method' : `did you mean "${close}"?`,
    });
  }
  const input = inFile(hfConfigName, () => definition.fromHfConfig!(config, host));
  const method = inFile(hfConfigName, () => registry.build({ type: definition.type, config: input as JsonObject }));
  if (method.files) return method as CodecMethod;
  throw new Error(`${definition.type} reads HF configurations but has no file codec`);
}

/** Errors: `TASK_UNSUPPORTED`. */
function checkTask({ task_type: taskType }: JsonObject): string | null {
  if (taskType == null) return null;
  if (taskType === 'SEQ_CLS' || taskType === 'FEATURE_EXTRACTION') return taskType;
  throw new PeftError('TASK_UNSUPPORTED', {
    found: `${hfConfigName}: "task_type": ${JSON.stringify(taskType)}`,
    expected: 'SEQ_CLS, FEATURE_EXTRACTION or null',
    fix: 'only adapters of text classifiers and encoders can be loaded',
  });
}

function refuseVerticesAlone(files: AdapterFiles, options: LoadOptions, warn: (message: string) => void): void {
  if (!files.has(verticesName) && !options.unfolded) return;
  const found = `a folder without tfjs_peft.json${files.has(verticesName) ? ` but with ${verticesName}` : ''}`;
  if (!options.unfolded) return warn(`${found}: only the folded adapter is loaded`);
  throw new PeftError('ADAPTER_FILE_MISSING', {
    found,
    expected: `tfjs_peft.json, which says what the vertices are`,
    fix: 'load without `unfolded`, or pass all files of the folder',
  });
}

/** Names of the labels from the config.json of the model, if it is among the files. */
function labelsOfModel(count: number, files: AdapterFiles): readonly (Json | undefined)[] {
  const bytes = files.get('config.json');
  const map = bytes && parseJsonObject(bytes, 'config.json')['id2label'];
  return isJsonObject(map) ? Array.from({ length: count }, (_, i) => map[String(i)]) : [];
}
