import { isJsonObject, type Json, type JsonObject, parseJsonObject, readableJson } from '@tfjs-peft/peft-core/files';

/** What the files of a tokenizer may leave open. */
export interface TokenizerFacts {
  /** Beginning of the names of HF's classes: `Bert`. */
  readonly className: string;
  readonly padToken: string;
}

/**
 * Tokenizer files so that both lines of transformers.js read them as HF transformers does: merges in the older form, which the older line alone knows,
 * the token that it pads with, and the name of a tokenizer that gives token types where the host has some.
 */
export function forTransformersJs(
  files: ReadonlyMap<string, Uint8Array>,
  { className, padToken }: TokenizerFacts,
): Map<string, Uint8Array> {
  const adapted = new Map(files);
  const tokenizer = parse(files, 'tokenizer.json');
  const older = withOlderForms(tokenizer);
  if (older !== tokenizer) adapted.set('tokenizer.json', utf8(JSON.stringify(older)));
  const config = parse(files, 'tokenizer_config.json');
  const { tokenizer_class: named, pad_token: pad } = config;
  // Names of classes that say nothing about the architecture, among them the one of HF transformers 5.
  const isNamed = typeof named === 'string' && !/^(PreTrainedTokenizer|TokenizersBackend)/.test(named);
  if (isNamed && pad != null) return adapted;
  const changes = { tokenizer_class: isNamed ? named : `${className}Tokenizer`, pad_token: pad ?? padToken };
  adapted.set('tokenizer_config.json', utf8(readableJson({ ...config, ...changes })));
  return adapted;
}

function parse(files: ReadonlyMap<string, Uint8Array>, name: string): JsonObject {
  const bytes = files.get(name);
  return bytes ? parseJsonObject(new TextDecoder().decode(bytes), name, { maxBytes: 100_000_000 }) : {};
}

/** The same object if nothing has to change. */
function withOlderForms(tokenizer: JsonObject): JsonObject {
  const { model } = tokenizer;
  const merges = isJsonObject(model) ? model.merges : undefined;
  const parts = ['pre_tokenizer', 'decoder'].flatMap((key) => {
    const part = tokenizer[key];
    const older = isJsonObject(part) ? withPrefixSpace(part) : part;
    return older === part ? [] : [[key, older] as const];
  });
  const joined = isPairs(merges) ? merges.map(([first, second]) => `${first} ${second}`) : undefined;
  if (parts.length === 0 && !joined) return tokenizer;
  return {
    ...tokenizer,
    ...Object.fromEntries(parts as [string, Json][]),
    ...(joined && { model: { ...(model as JsonObject), merges: joined } }),
  };
}

/** Pieces with a space cannot be joined by one; such a tokenizer stays as it is. */
const isPairs = (merges: Json | undefined): merges is [string, string][] =>
  Array.isArray(merges) &&
  merges.length > 0 &&
  merges.every(
    (merge) =>
      Array.isArray(merge) &&
      merge.length === 2 &&
      merge.every((piece) => typeof piece === 'string' && !piece.includes(' ')),
  );

/** A Metaspace, alone or in a sequence, with the older `add_prefix_space` beside the newer `prepend_scheme`. */
function withPrefixSpace(part: JsonObject): JsonObject {
  const lists = (['pretokenizers', 'decoders'] as const).flatMap((key) => {
    const inner = part[key];
    if (!Array.isArray(inner)) return [];
    const older = inner.map((one) => (isJsonObject(one) ? withPrefixSpace(one) : one));
    return older.some((one, index) => one !== inner[index]) ? [[key, older] as const] : [];
  });
  const isNewer = part.type === 'Metaspace' && part.add_prefix_space == null && part.prepend_scheme != null;
  if (lists.length === 0 && !isNewer) return part;
  return {
    ...part,
    ...Object.fromEntries(lists),
    ...(isNewer && { add_prefix_space: part.prepend_scheme !== 'never' }),
  };
}

const utf8 = (text: string) => new TextEncoder().encode(text);
