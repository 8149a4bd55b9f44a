import { compose } from '../compose.js';
import { nearMisses, PeftError } from '../errors.js';
import { head as createHead } from '../head.js';
import type { HostSpec } from '../host.js';
import type { JsonObject } from '../json.js';
import type { MethodRegistry } from '../registry.js';
import { type AdapterFiles, hfConfigName, requireFile, tensorsName, verticesName } from './adapter-files.js';
import { checkTensors, readTensors } from './check-tensors.js';
import type { CodecMethod } from './file-units.js';
import { blankEncoding, decodePart, inFile } from './decode-part.js';
import { headMissing, headNames, takeHead } from './head-tensors.js';
import { checkForeignKeys } from './hf-config.js';
import type { LoadedArrays, LoadOptions } from './load-options.js';
import { isJsonObject, parseJsonObject } from './parse-json-strict.js';

/** A folder that HF peft wrote: the method through its definition's `fromHfConfig`, the head from `classifier.*`. */
export async function loadHfFolder(
  files: AdapterFiles,
  host: HostSpec,
  registry: MethodRegistry,
  options: LoadOptions,
): Promise<LoadedArrays> {
  const warn = options.onWarning ?? (() => undefined);
  refuseVerticesAlone(files, options, warn);
  const config = parseJsonObject(requireFile(files, hfConfigName), hfConfigName);
  const method = buildMethod(config, host, registry);
  const taskType = checkTask(config);
  const { head: stored, rest } = takeHead(await readTensors(files, tensorsName), tensorsName);
  const blank = blankEncoding(method, host, rest, tensorsName);
  const extraConfig = checkForeignKeys(config, blank.config, hfConfigName, warn);
  const effective = new Map(decodePart(method, rest, blank, host, tensorsName));
  if (!stored) {
    const { peft_version: version } = config;
    const promptLearning = method.files.headPrefix === 'base_model.';
    if (taskType === 'SEQ_CLS')
      throw headMissing(tensorsName, promptLearning, typeof version === 'string' ? version : undefined);
    checkTensors(effective, method.plan(host).effective, tensorsName);
    return { method, effective, extraConfig };
  }
  if (host.modelType !== 'bert')
    throw new PeftError('HEAD_UNSUPPORTED', {
      found: `${tensorsName}: a head for a host of type "${host.modelType}"`,
      expected: 'a host of type "bert", whose HF classifier is one linear map on the pooler',
      fix: 'load the adapter on the BERT host that it was made for',
    });
  const labels = labelNames(stored.weight.shape[0] ?? 0, files, options, warn);
  // What BertForSequenceClassification computes.
  const head = createHead({ labels: [...labels], readout: 'pooler' });
  const names = headNames(head);
  effective.set(names.weight, stored.weight).set(names.bias, stored.bias);
  const whole = compose(method, head);
  checkTensors(effective, whole.plan(host).effective, tensorsName);
  return { method: whole, effective, extraConfig };
}

function buildMethod(config: JsonObject, host: HostSpec, registry: MethodRegistry): CodecMethod {
  const { peft_type: peftType } = config;
  const known = [...registry.definitions.values()].filter(({ fromHfConfig }) => fromHfConfig).map(({ type }) => type);
  const definition = typeof peftType === 'string' ? registry.definitions.get(peftType) : undefined;
  if (!definition?.fromHfConfig) {
    const adapterHub = peftType === undefined && isJsonObject(config['config']);
    const [close] = typeof peftType === 'string' ? nearMisses(peftType, known, 1) : [];
    throw new PeftError('UNKNOWN_PEFT_TYPE', {
      found: `${hfConfigName}: ${adapterHub ? 'a configuration of AdapterHub' : `"peft_type": ${JSON.stringify(peftType) ?? 'none'}`}`,
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

/** Label names: from the options, else from the config.json of the model if it is among the files, else `LABEL_0` and so on. */
function labelNames(
  count: number,
  files: AdapterFiles,
  { labels }: LoadOptions,
  warn: (message: string) => void,
): readonly string[] {
  if (labels) {
    if (labels.length === count) return labels;
    throw new PeftError('LABELS_MISMATCH', {
      found: `${labels.length} labels for a head with ${count} outputs`,
      expected: `${count} labels`,
      fix: 'pass one name an output, in the order of the logits',
    });
  }
  const bytes = files.get('config.json');
  const map = bytes && parseJsonObject(bytes, 'config.json')['id2label'];
  const names = isJsonObject(map) ? Array.from({ length: count }, (_, i) => map[String(i)]) : [];
  if (names.length > 0 && names.every((name) => typeof name === 'string')) return names as string[];
  if (map !== undefined)
    warn(`config.json: id2label does not name the ${count} outputs of the head; using LABEL_0 and so on`);
  return Array.from({ length: count }, (_, i) => `LABEL_${i}`);
}
