import { countNgrams } from './count-ngrams.js';
import { tokenise13a } from './tokenise-13a.js';

/**
 * distinct-n (Li et al. 2016, arXiv 1510.03055) of all texts together, from 0 to 1: different groups of n tokens over all of them. Tokens are those of BLEU in
 * lower case; 0 where there is no such group.
 */
export function distinct(texts: readonly string[], size: number): number {
  const different = new Set<string>();
  let all = 0;
  for (const text of texts)
    for (const [gram, count] of countNgrams(tokenise13a(text.toLowerCase()), size)) {
      different.add(gram);
      all += count;
    }
  return all === 0 ? 0 : different.size / all;
}
