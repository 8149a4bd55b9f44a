import { PeftError } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import { plainIds, type PromptTokenizer } from './render-prompt.js';

/**
 * The token of each label word, in their order. A word stands after a space, as in a sentence: that is one token of its own in vocabularies that count
 * spaces, and nothing in those that do not. Errors: `LABEL_WORD_NOT_ONE_TOKEN` with the nearest words that are one, `LABEL_WORD_TAKEN`.
 */
export function labelWordIds(tokenizer: PromptTokenizer, words: readonly string[]): number[] {
  const special = new Set(tokenizer.specialTokens.values());
  const ids = words.map((word) => {
    const found = plainIds(tokenizer, ` ${word}`);
    if (found.length === 1 && !special.has(found[0]!)) return found[0]!;
    const pieces = found.map((id) => tokenizer.decode([id]).trim() || '?');
    const near = nearMisses(word.toLowerCase(), wordsOf(tokenizer));
    throw new PeftError('LABEL_WORD_NOT_ONE_TOKEN', {
      found: `label word "${word}", which is ${special.has(found[0] ?? -1) ? 'not in the vocabulary' : `${found.length} tokens (${pieces.slice(0, 6).join(', ')})`}`,
      expected: 'a word of one token',
      fix:
        near.length > 0
          ? `choose another word, ${near.map((other) => `"${other}"`).join(', ')} for example`
          : 'choose another word',
    });
  });
  const twice = ids.findIndex((id, i) => ids.indexOf(id) !== i);
  if (twice >= 0)
    throw new PeftError('LABEL_WORD_TAKEN', {
      found: `label words "${words[ids.indexOf(ids[twice]!)]}" and "${words[twice]}" of one token`,
      expected: 'a token of its own for each label',
      fix: 'choose another word for one of them',
    });
  return ids;
}

/** Words that are one token. Looked up only for messages. */
function* wordsOf({ vocabSize, decode }: PromptTokenizer): Generator<string> {
  for (let id = 0; id < vocabSize; id++) {
    const word = decode([id]).trim();
    if (/^\p{L}{2,}$/u.test(word)) yield word;
  }
}
