import { PeftError } from '@tfjs-peft/peft-core';
import { isMap, isScalar, parseDocument, visit } from 'yaml';

/** Largest YAML file, in bytes: some hundred times a long experiment, and read in well under a second whatever it holds. */
export const yamlLimit = 64 * 1024;

/**
 * YAML from anybody's file as plain data. Bounded: the size, references to earlier parts (`aliases`, none by default), no key twice.
 * Errors: `YAML_INVALID`, which names the place, `YAML_TOO_LARGE`.
 */
export function parseYaml(text: string, name: string, { aliases = 0 }: { readonly aliases?: number } = {}): unknown {
  if (text.length > yamlLimit)
    throw new PeftError('YAML_TOO_LARGE', {
      found: `"${name}" has ${text.length} characters of YAML`,
      expected: `at most ${yamlLimit}`,
      fix: 'check that this is the right file',
    });
  try {
    // The library compares each key with each other one, and describes every error at length; below, a set does it once.
    const document = parseDocument(text, { uniqueKeys: false, prettyErrors: true, strict: true });
    const [error] = document.errors;
    if (error) throw error;
    visit(document, {
      Map(_, map) {
        const seen = new Set<unknown>();
        for (const { key } of map.items) {
          const value = isScalar(key) ? key.value : key;
          if (isMap(key) || seen.has(value)) throw new Error(`the key "${String(value)}" is there twice or is no text`);
          seen.add(value);
        }
      },
    });
    return document.toJS({ maxAliasCount: aliases }) as unknown;
  } catch (cause) {
    const reason = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0];
    throw new PeftError('YAML_INVALID', {
      found: `"${name}" cannot be read: ${reason}`,
      expected: 'YAML, of which JSON is a part',
      cause,
    });
  }
}
