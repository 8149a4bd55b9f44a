import { compose } from '../compose.js';
import { PeftError } from '../errors.js';
import type { HostTensors } from '../host.js';
import type { HostSpec } from '../host-spec.js';
import type { JsonObject } from '../json/json.js';
import type { PeftMethod } from '../method.js';
import type { NamedArray, NamedArrays } from '../parameters.js';
import type { AdapterHubPart, MethodDefinition, MethodRegistry } from '../registry.js';
import { type AdapterFiles, hfConfigName, hubTensorsName, refusePickle, requireFile } from './adapter-files.js';
import { partsOfAdapterHub } from './adapter-hub-config.js';
import { loadAdapterHubHead } from './adapter-hub-head.js';
import { briefJson } from '../json/brief-json.js';
import { checkTensors, readTensors } from './check-tensors.js';
import { inFile } from './decode-part.js';
import type { LoadedArrays, LoadOptions } from './load-options.js';
import { parseJsonObject } from '../json/parse-json-strict.js';

/**
 * A folder that AdapterHub's library `adapters` wrote: each method through `adapterHub` of its definition, a union as a composition, the head
 * from head_config.json and model_head.safetensors. Errors: `PICKLE_REFUSED`, `ADAPTER_HUB_UNSUPPORTED`, `ADAPTER_FOR_ANOTHER_HOST`, those of the
 * methods and of the head, and those of every load.
 */
export async function loadAdapterHubFolder(
  files: AdapterFiles,
  { spec: host }: HostTensors,
  registry: MethodRegistry,
  options: LoadOptions,
): Promise<LoadedArrays> {
  const file = parseJsonObject(requireFile(files, hfConfigName), hfConfigName);
  requireHost(file, host);
  refusePickle(files, hubTensorsName);
  const name = requireText(file, 'name');
  const tensors = withoutBase(await readTensors(files, hubTensorsName), host);
  const entries = partsOfAdapterHub(file);
  const claimed = new Set<string>();
  const methods: PeftMethod[] = [];
  const effective = new Map<string, NamedArray>();
  for (const config of entries) {
    const definition = requireHubDefinition(config, registry);
    const own = select(tensors, definition.adapterHub!.modules, name);
    const again = [...own.keys()].find((tensor) => claimed.has(tensor));
    if (again !== undefined)
      throw unsupported(`a union with two methods of type ${definition.type}, which both have "${again}"`);
    for (const tensor of own.keys()) claimed.add(tensor);
    const { version } = file;
    const part: AdapterHubPart = {
      config,
      tensors: own,
      name,
      version: typeof version === 'string' ? version : null,
      inUnion: entries.length > 1,
    };
    const read = inFile(hfConfigName, () => definition.adapterHub!.read(part, host));
    methods.push(
      inFile(hfConfigName, () => registry.build({ type: definition.type, config: read.config as JsonObject })),
    );
    for (const [parameter, array] of read.effective) effective.set(parameter, array);
  }
  checkTensors(new Map([...tensors].filter(([tensor]) => !claimed.has(tensor))), [], hubTensorsName);
  const head = await loadAdapterHubHead(files, host, options);
  for (const [parameter, array] of head?.effective ?? []) effective.set(parameter, array);
  const all = head ? [...methods, head.method] : methods;
  const method = all.length === 1 ? all[0]! : compose(...all);
  checkTensors(effective, method.plan(host).effective, hubTensorsName);
  const { model_name: modelName } = file;
  return {
    method,
    effective,
    extraConfig: typeof modelName === 'string' ? { base_model_name_or_path: modelName } : {},
    report: {
      writtenBy: 'adapter-hub',
      tensors: tensors.size + (head ? head.effective.size : 0),
      ignoredEntries: [],
      renamed: [],
      dropped: [],
    },
  };
}

/** The definition that reads a method of AdapterHub. Errors: `ADAPTER_HUB_UNSUPPORTED`. */
export function requireHubDefinition(config: JsonObject, registry: MethodRegistry): MethodDefinition {
  const definitions = [...registry.definitions.values()].filter(({ adapterHub }) => adapterHub);
  const found = definitions.find(({ adapterHub }) => adapterHub!.reads(config));
  if (found) return found;
  throw unsupported(
    `a method of architecture ${briefJson(config['architecture'] ?? null)} that no registered method reads`,
    `one of ${definitions.map(({ type }) => type).join(', ') || '(the registry has no method that reads them)'}`,
  );
}

/** Errors: `ADAPTER_FOR_ANOTHER_HOST`. */
function requireHost(file: JsonObject, host: HostSpec): void {
  const expected = { hidden_size: host.hiddenSize, model_type: host.modelType };
  for (const [key, value] of Object.entries(expected))
    if (file[key] != null && file[key] !== value)
      throw new PeftError('ADAPTER_FOR_ANOTHER_HOST', {
        found: `${hfConfigName}: "${key}": ${briefJson(file[key])}`,
        expected: `${JSON.stringify(value)} for host "${host.name}"`,
        fix: 'load the adapter on the host it was trained for',
      });
}

function requireText(file: JsonObject, key: string): string {
  const { [key]: value } = file;
  if (typeof value === 'string' && value !== '') return value;
  throw new PeftError('CONFIG_INVALID', {
    found: `${hfConfigName}: "${key}": ${briefJson(value)}`,
    expected: 'the name of the adapter, which is part of the names of its tensors',
  });
}

/** Names are live paths, with the base model's from a model with a head and without it from a bare one. Errors: `TENSOR_NAME_AMBIGUOUS`. */
function withoutBase(tensors: NamedArrays, { baseModelPrefix }: HostSpec): NamedArrays {
  const plain = new Map<string, NamedArray>();
  for (const [name, array] of tensors) {
    const path = name.startsWith(`${baseModelPrefix}.`) ? name.slice(baseModelPrefix.length + 1) : name;
    if (plain.has(path))
      throw new PeftError('TENSOR_NAME_AMBIGUOUS', {
        found: `${hubTensorsName}: "${path}" with and without "${baseModelPrefix}." before it`,
        expected: 'one of them',
        fix: 'save the adapter again from the library that wrote it',
      });
    plain.set(path, array);
  }
  return plain;
}

const select = (tensors: NamedArrays, modules: readonly string[], adapter: string): NamedArrays =>
  new Map([...tensors].filter(([name]) => modules.some((module) => `.${name}`.includes(`.${module}.${adapter}.`))));

const unsupported = (found: string, expected?: string) =>
  new PeftError('ADAPTER_HUB_UNSUPPORTED', {
    found: `${hfConfigName}: ${found}`,
    expected,
    fix: 'train the adapter again with one of these methods',
  });
