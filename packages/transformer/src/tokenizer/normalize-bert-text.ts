export interface BertNormalizerConfig {
  readonly clean_text?: boolean;
  readonly handle_chinese_chars?: boolean;
  readonly strip_accents?: boolean | null;
  readonly lowercase?: boolean;
}

/**
 * `BertNormalizer` of HF's Rust library, whose steps and character classes the JavaScript libraries only approximate: they miss CJK
 * beyond the basic plane, strip accents of Latin only, and lower Greek capital sigma by its place in the word.
 */
export function normalizeBertText(text: string, config: BertNormalizerConfig): string {
  if (plain.test(text)) return config.lowercase ? text.toLowerCase() : text;
  let normalized = text;
  if (config.clean_text) normalized = normalized.replace(removed, '').replace(whitespace, ' ');
  if (config.handle_chinese_chars) normalized = normalized.replace(chinese, ' $& ');
  if (config.strip_accents ?? config.lowercase) normalized = normalized.normalize('NFD').replace(accents, '');
  // Character by character: the whole string's toLowerCase would write a final sigma.
  return config.lowercase ? Array.from(normalized, (character) => character.toLowerCase()).join('') : normalized;
}

/** Nothing to clean, to split or to strip: printable ASCII. */
const plain = /^[\x20-\x7e]*$/;
/** Unassigned code points stay, as in the original: a newer emoji becomes an unknown token, not nothing. */
const removed = /(?![\t\n\r])[\ufffd\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;
const whitespace = /[\t\n\r\p{White_Space}]/gu;
const accents = /\p{Mn}/gu;
/** The CJK ideograph blocks of the original BERT; Hangul, Hiragana and Katakana are not among them. */
const chinese =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
