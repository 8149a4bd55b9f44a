import { createDecoder } from './decode-bytes.js';

/**
 * The decoded subject of an e-mail, or '' where it has none: the header block alone is searched, folded lines are joined
 * (RFC 5322), encoded words decoded (RFC 2047), and raw 8-bit text read in the charset the message declares.
 */
export function decodeSubject(head: Uint8Array): string {
  const end = headerEnd(head);
  // As one character a byte, so that the bytes can be had back once the charset is known.
  const headers = latin1(head.subarray(0, end < 0 ? head.length : end)).replace(/\r?\n(?=[ \t])/g, '');
  const subject = /^subject:[ \t]*(.*)$/im.exec(headers)?.[1] ?? '';
  const charset = /^content-type:.*?\bcharset\s*=\s*"?([^\s";]+)/im.exec(headers)?.[1];
  return decodeEncodedWords(decodeRaw(subject, charset)).replace(/\s+/g, ' ').trim();
}

/** Offset of the empty line that ends the header block, or -1. */
export function headerEnd(bytes: Uint8Array): number {
  for (let i = bytes.indexOf(10); i >= 0; i = bytes.indexOf(10, i + 1))
    if (bytes[i + 1] === 10 || (bytes[i + 1] === 13 && bytes[i + 2] === 10)) return i;
  return -1;
}

/** Not TextDecoder's "latin1", which is windows-1252 and moves 0x80..0x9f. */
function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return text;
}

const toBytes = (binary: string): Uint8Array => Uint8Array.from(binary, (character) => character.charCodeAt(0));

/** 8-bit text outside encoded words breaks the standards; the declared charset, UTF-8, then windows-1252 are tried. */
function decodeRaw(binary: string, charset: string | undefined): string {
  if (!/[\x80-\xff]/.test(binary)) return binary;
  const bytes = toBytes(binary);
  const declared = charset === undefined ? undefined : decode(bytes, charset);
  return declared ?? decode(bytes, 'utf-8') ?? decode(bytes, 'windows-1252') ?? binary;
}

/** Strict decoding; undefined for an unknown charset or invalid bytes. */
function decode(bytes: Uint8Array, charset: string): string | undefined {
  try {
    return createDecoder(charset)?.(bytes);
  } catch {
    return undefined;
  }
}

const encodedWord = /=\?([^?\s]+)\?([bq])\?([^?]*)\?=/gi;

/** Decodes RFC 2047 words such as `=?iso-8859-1?Q?caf=E9?=`. White space between two of them is not part of the text. */
export function decodeEncodedWords(text: string): string {
  return text
    .replace(/(\?=)\s+(?==\?[^?\s]+\?[bq]\?)/gi, '$1')
    .replace(encodedWord, (word: string, charset: string, encoding: string, payload: string) => {
      const bytes = encoding.toLowerCase() === 'b' ? fromBase64(payload) : fromQ(payload);
      // RFC 2231 allows a language after the charset.
      const label = charset.replace(/\*.*$/, '');
      // Invalid bytes become U+FFFD: most of a subject is better than its base64.
      return decode(bytes, label) ?? createDecoder(label, true)?.(bytes) ?? word;
    });
}

const fromQ = (payload: string): Uint8Array =>
  toBytes(
    payload
      .replaceAll('_', ' ')
      .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  );

function fromBase64(payload: string): Uint8Array {
  const clean = payload.replace(/[^A-Za-z0-9+/]/g, '');
  // A single left-over character carries no whole byte.
  return toBytes(atob(clean.length % 4 === 1 ? clean.slice(0, -1) : clean));
}
