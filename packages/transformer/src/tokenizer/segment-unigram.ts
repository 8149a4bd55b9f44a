/** What segmentation needs of a Unigram model. */
export interface UnigramVocabulary {
  readonly ids: ReadonlyMap<string, number>;
  /** Log-probabilities by id. */
  readonly scores: readonly number[];
}

/** How much worse than the worst piece a character is that no piece covers: sentencepiece's constant. */
const unknownPenalty = 10;

/**
 * The best segmentation of a word into pieces (Kudo 2018, arXiv 1804.10959, section 3.2; Viterbi over characters). Characters that no piece covers
 * are pieces of their own. Of two equal paths the one with the longer last piece wins, as in HF tokenizers.
 */
export function createUnigramSegmenter({ ids, scores }: UnigramVocabulary): (word: string) => string[] {
  const unknownScore = scores.reduce((least, score) => Math.min(least, score), Infinity) - unknownPenalty;
  let longest = 1;
  for (const piece of ids.keys()) longest = Math.max(longest, piece.length);

  return (word) => {
    // By UTF-16 units; only those where a character starts or the word ends are reached.
    const best = new Array<number>(word.length + 1).fill(-Infinity);
    const start = new Array<number>(word.length + 1).fill(0);
    best[0] = 0;
    const reach = (from: number, to: number, score: number) => {
      if (best[from]! + score <= best[to]!) return;
      best[to] = best[from]! + score;
      start[to] = from;
    };
    for (let from = 0; from < word.length;) {
      const character = word.codePointAt(from)! > 0xffff ? 2 : 1;
      const end = Math.min(word.length, from + longest);
      for (let to = from + 1; to <= end; to++) {
        const id = ids.get(word.slice(from, to));
        if (id !== undefined) reach(from, to, scores[id]!);
      }
      if (!ids.has(word.slice(from, from + character))) reach(from, from + character, unknownScore);
      from += character;
    }
    const pieces: string[] = [];
    for (let to = word.length; to > 0; to = start[to]!) pieces.push(word.slice(start[to], to));
    return pieces.reverse();
  };
}
