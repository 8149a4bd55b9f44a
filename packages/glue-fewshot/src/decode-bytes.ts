/** What windows-1252 has at 0x80..0x9f; five places are control characters. */
const windows1252 =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f' +
  '\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';

/** A decoder that throws on invalid bytes, or (lenient) replaces them by U+FFFD; undefined for an unknown encoding. */
export function createDecoder(encoding: string, lenient = false): ((bytes: Uint8Array) => string) | undefined {
  const decoder = openDecoder(encoding, lenient);
  return decoder && ((bytes) => mend(decoder, decoder.decode(bytes)));
}

/** Like {@link createDecoder} (strict) for bytes that come in pieces; a last call without bytes ends it. */
export function createStreamDecoder(encoding: string): ((bytes?: Uint8Array) => string) | undefined {
  const decoder = openDecoder(encoding, false);
  return decoder && ((bytes) => mend(decoder, bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode()));
}

type Decoder = InstanceType<typeof TextDecoder>;

function openDecoder(encoding: string, lenient: boolean): Decoder | undefined {
  try {
    return new TextDecoder(encoding, { fatal: !lenient });
  } catch {
    return undefined;
  }
}

/**
 * Several releases of Node decode the windows-1252 family as ISO-8859-1; the texts must not depend on the release. Where the decoder is
 * right, none of the replaced characters occurs but the five that stay the same.
 */
const mend = ({ encoding }: Decoder, text: string): string =>
  encoding === 'windows-1252'
    ? text.replace(/[\x80-\x9f]/g, (character) => windows1252[character.charCodeAt(0) - 0x80]!)
    : text;
