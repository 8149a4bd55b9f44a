import { PeftError } from '@tfjs-peft/peft-core';
import { Composer, isMap, isScalar, Lexer, LineCounter, Parser, visit } from 'yaml';

/**
 * What a YAML file may cost: its size is twice a long experiment (forty methods take 30 kB, and lists and maps ten deep), and it is read in well
 * under a second whatever it holds.
 */
export const yamlLimits = { characters: 64 * 1024, depth: 100 } as const;

/**
 * YAML from anybody's file as plain data; JSON is a part of it. Bounded: size, depth, references to earlier parts (`aliases`, none by default);
 * no key twice. The library compares every key with all others: its own check for repeated keys is off.
 * Errors: `YAML_INVALID`, which names the place, `YAML_TOO_LARGE`.
 */
export function parseYaml(text: string, name: string, { aliases = 0 }: { readonly aliases?: number } = {}): unknown {
  if (text.length > yamlLimits.characters)
    throw new PeftError('YAML_TOO_LARGE', {
      found: `"${name}" has ${text.length} characters of YAML`,
      expected: `at most ${yamlLimits.characters}`,
      fix: 'check that this is the right file',
    });
  const lineCounter = new LineCounter();
  const fault = (what: string, offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return new Error(`${what} at line ${line}, column ${col}`);
  };
  /** Stops at the depth that is too much, before the library recurses into it. */
  function* flatTokens() {
    const parser = new Parser(lineCounter.addNewLine);
    lineCounter.addNewLine(0);
    for (const lexeme of new Lexer().lex(text)) {
      const offset = parser.offset;
      yield* parser.next(lexeme);
      if (parser.stack.length > yamlLimits.depth) throw fault('Nested too deeply', offset);
    }
    yield* parser.end();
  }
  try {
    const composer = new Composer({ uniqueKeys: false });
    const [document, second] = composer.compose(flatTokens(), true, text.length);
    if (second) throw fault('A second document begins', second.range[0]);
    const [first] = document!.errors;
    if (first) throw fault(first.message, first.pos[0]);
    visit(document!, {
      Collection(_, collection) {
        if (!isMap(collection)) return;
        const seen = new Set<unknown>();
        for (const { key } of collection.items) {
          const value = isScalar(key) ? key.value : key;
          const offset = isScalar(key) ? key.range?.[0] : undefined;
          if (isMap(key) || seen.has(value))
            throw fault(`the key "${String(value)}" is there twice or is no text`, offset ?? 0);
          seen.add(value);
        }
      },
    });
    return document!.toJS({ maxAliasCount: aliases }) as unknown;
  } catch (cause) {
    const reason = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0];
    throw new PeftError('YAML_INVALID', {
      found: `"${name}" cannot be read: ${reason}`,
      expected: 'YAML, of which JSON is a part',
      cause,
    });
  }
}
