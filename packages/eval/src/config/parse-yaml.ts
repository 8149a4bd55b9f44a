import { isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml';

/** What a YAML file may cost. A resolved experiment of forty methods has 30 kB and a depth of twenty (a map in a map counts twice). */
export const yamlLimits = { characters: 1_000_000, depth: 100 } as const;

/**
 * Parses YAML (JSON is a part of it) in time that grows with its length: the library compares every key with all others, so its check for
 * repeated keys is off and done here. Throws a plain `Error` with one line that says what is wrong and where; the caller knows the file.
 */
export function parseYaml(text: string, { maxAliasCount = 0 }: { readonly maxAliasCount?: number } = {}): unknown {
  if (text.length > yamlLimits.characters)
    throw new Error(`${text.length} characters, more than the ${yamlLimits.characters} that are read`);
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { uniqueKeys: false, prettyErrors: false, lineCounter });
  const fault = (what: string, offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return new Error(`${what} at line ${line}, column ${col}`);
  };
  const [first] = document.errors;
  if (first) throw fault(first.message, first.pos[0]);
  visit(document, {
    Collection(_, collection, path) {
      if (path.length > yamlLimits.depth) throw fault('Nested too deeply', collection.range?.[0] ?? 0);
      if (!isMap(collection)) return;
      const seen = new Set<unknown>();
      for (const { key } of collection.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value))
          throw fault(`Map keys must be unique; "${String(key.value)}" is not`, key.range?.[0] ?? 0);
        seen.add(key.value);
      }
    },
  });
  return document.toJS({ maxAliasCount });
}
