/** A rule of a step: what a word ends in, what takes its place, and what must hold of the rest. */
type Rule = readonly [ending: string, replacement: string, holds?: (rest: string) => boolean];

/** `c` or `v` for each letter: a y is a consonant at the beginning and after a vowel. */
function shapeOf(word: string): string {
  let shape = '';
  let after = 'v';
  for (const letter of word) {
    const isVowel = 'aeiou'.includes(letter) || (letter === 'y' && after === 'c');
    after = isVowel ? 'v' : 'c';
    shape += after;
  }
  return shape;
}

const endsInConsonant = (word: string): boolean => shapeOf(word).endsWith('c');

/** m of Porter: how often a vowel is followed by a consonant. */
const measure = (word: string): number => shapeOf(word).split('vc').length - 1;

const hasVowel = (word: string): boolean => shapeOf(word).includes('v');

const endsInDouble = (word: string): boolean =>
  word.length >= 2 && word.at(-1) === word.at(-2) && endsInConsonant(word);

/** *o of Porter, consonant, vowel, consonant other than w, x, y; and a word of a vowel and a consonant. */
const endsShort = (word: string): boolean => {
  const shape = shapeOf(word);
  return (shape.endsWith('cvc') && !'wxy'.includes(word.at(-1)!)) || shape === 'vc';
};

const positive = (rest: string) => measure(rest) > 0;
const aboveOne = (rest: string) => measure(rest) > 1;
const all = (endings: Readonly<Record<string, string>>, holds?: (rest: string) => boolean): Rule[] =>
  Object.entries(endings).map(([ending, replacement]) =>
    holds ? [ending, replacement, holds] : [ending, replacement],
  );

/** The first rule whose ending fits decides, also that nothing changes. */
function apply(word: string, rules: readonly Rule[]): string {
  const rule = rules.find(([ending]) => word.endsWith(ending));
  if (!rule) return word;
  const [ending, replacement, holds] = rule;
  const rest = word.slice(0, word.length - ending.length);
  return !holds || holds(rest) ? rest + replacement : word;
}

const plural = (word: string): string =>
  word.length === 4 && word.endsWith('ies')
    ? word.slice(0, -1)
    : apply(word, all({ sses: 'ss', ies: 'i', ss: 'ss', s: '' }));

function past(word: string): string {
  if (word.endsWith('ied')) return word.length === 4 ? word.slice(0, -1) : word.slice(0, -2);
  if (word.endsWith('eed')) return apply(word, [['eed', 'ee', positive]]);
  const ending = ['ed', 'ing'].find((each) => word.endsWith(each) && hasVowel(word.slice(0, -each.length)));
  if (ending === undefined) return word;
  const rest = word.slice(0, -ending.length);
  if (/(at|bl|iz)$/.test(rest)) return `${rest}e`;
  if (endsInDouble(rest)) return /[lsz]$/.test(rest) ? rest : rest.slice(0, -1);
  return measure(rest) === 1 && endsShort(rest) ? `${rest}e` : rest;
}

const finalY = (word: string): string => apply(word, [['y', 'i', (rest) => rest.length > 1 && endsInConsonant(rest)]]);

const doubleSuffixes: readonly Rule[] = [
  ...all(
    {
      ...{ ational: 'ate', tional: 'tion', enci: 'ence', anci: 'ance', izer: 'ize', bli: 'ble', alli: 'al' },
      ...{ entli: 'ent', eli: 'e', ousli: 'ous', ization: 'ize', ation: 'ate', ator: 'ate', alism: 'al' },
      ...{ iveness: 'ive', fulness: 'ful', ousness: 'ous', aliti: 'al', iviti: 'ive', biliti: 'ble', fulli: 'ful' },
    },
    positive,
  ),
  ['logi', 'log', (rest) => positive(`${rest}l`)],
];

const doubleSuffix = (word: string): string =>
  word.endsWith('alli') && positive(word.slice(0, -4)) ? doubleSuffix(word.slice(0, -2)) : apply(word, doubleSuffixes);

const suffix = (word: string): string =>
  apply(word, all({ icate: 'ic', ative: '', alize: 'al', iciti: 'ic', ical: 'ic', ful: '', ness: '' }, positive));

const plainEndings = (endings: string): Rule[] => endings.split(' ').map((ending) => [ending, '', aboveOne]);
const lastSuffixes: readonly Rule[] = [
  ...plainEndings('al ance ence er ic able ible ant ement ment ent'),
  ['ion', '', (rest) => aboveOne(rest) && /[st]$/.test(rest)],
  ...plainEndings('ou ism ate iti ous ive ize'),
];

const finalE = (word: string): string =>
  apply(word, [['e', '', (rest) => aboveOne(rest) || (measure(rest) === 1 && !endsShort(rest))]]);

const finalL = (word: string): string => apply(word, [['ll', 'l', (rest) => aboveOne(`${rest}l`)]]);

const irregular: Readonly<Record<string, string>> = {
  ...{ sky: 'sky', skies: 'sky', dying: 'die', lying: 'lie', tying: 'tie', news: 'news', howe: 'howe' },
  ...{ innings: 'inning', inning: 'inning', outings: 'outing', outing: 'outing', cannings: 'canning' },
  ...{ canning: 'canning', proceed: 'proceed', exceed: 'exceed', succeed: 'succeed' },
};

/**
 * The stem of an English word in lower case by Porter's algorithm (1980) with the extensions of NLTK, which rouge-score uses: short words, words in
 * -y, -ied, -logy, and a few irregular ones.
 */
export function porterStem(word: string): string {
  if (Object.hasOwn(irregular, word)) return irregular[word]!;
  if (word.length <= 2) return word;
  const steps = [
    plural,
    past,
    finalY,
    doubleSuffix,
    suffix,
    (each: string) => apply(each, lastSuffixes),
    finalE,
    finalL,
  ];
  return steps.reduce((stem, step) => step(stem), word);
}
