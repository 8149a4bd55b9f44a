import { PeftError } from '../errors.js';
import { briefJson } from '../json/brief-json.js';
import type { JsonObject } from '../json/json.js';
import { isJsonObject, parseJsonObject } from '../json/parse-json-strict.js';
import { type AdapterFiles, hfConfigName } from './adapter-files.js';

/** True for the folder of AdapterHub's library `adapters`: its adapter_config.json has no `peft_type` and keeps the method under `config`. */
export function isAdapterHubFolder(files: AdapterFiles): boolean {
  const bytes = files.get(hfConfigName);
  return bytes !== undefined && isAdapterHubConfig(parseJsonObject(bytes, hfConfigName));
}

export const isAdapterHubConfig = (config: JsonObject): boolean =>
  config['peft_type'] === undefined && isJsonObject(config['config']);

/** The methods of an adapter: one, or those of a union. */
export function partsOfAdapterHub(file: JsonObject): readonly JsonObject[] {
  const config = file['config'] as JsonObject;
  if (config['architecture'] !== 'union') return [config];
  const { configs } = config;
  if (Array.isArray(configs) && configs.length > 0 && configs.every(isJsonObject)) return configs as JsonObject[];
  throw new PeftError('CONFIG_INVALID', {
    found: `${hfConfigName}: a union with "configs": ${briefJson(configs)}`,
    expected: 'a list of the configurations of its methods',
  });
}
