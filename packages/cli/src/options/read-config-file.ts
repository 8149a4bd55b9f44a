import { readFile } from 'node:fs/promises';
import { parseYaml } from '@tfjs-peft/eval';
import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { isJsonObject, type JsonObject } from '@tfjs-peft/peft-core/files';

/** An experiment file as plain data; YAML, of which JSON is a part. Errors: `CONFIG_FILE_MISSING`, `CONFIG_INVALID`. */
export async function readConfigFile(path: string): Promise<JsonObject> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new PeftError('CONFIG_FILE_MISSING', {
      found: `cannot read "${path}"`,
      expected: 'an experiment as YAML or JSON',
      fix: 'check the path given as --config',
      cause,
    });
  });
  const value = parse(text, path);
  if (isJsonObject(value)) return value;
  throw new PeftError('CONFIG_INVALID', {
    found: `"${path}" does not hold keys and values`,
    expected: 'an experiment such as `version: 1`, `task: sst2`, `methods: [prefix]`',
  });
}

function parse(text: string, path: string): unknown {
  try {
    return parseYaml(text, path, { aliases: 100 });
  } catch (cause) {
    throw isPeftError(cause) ? new PeftError('CONFIG_INVALID', { ...cause.text, cause }) : cause;
  }
}
