import { bounds } from '@tfjs-peft/peft-core/authoring';
import * as z from 'zod';

const flag = z.boolean().nullish();
const pattern = z.union([z.strictObject({ String: z.string().min(1) }), z.strictObject({ Regex: z.string() })]);

/** A normalizer, pre-tokenizer or decoder: entries by their names, whichever type has them; others are left as they are. */
export type TokenizerPart = {
  readonly [key: string]: unknown;
  readonly type: string;
  readonly pattern?: z.output<typeof pattern>;
  readonly content?: string;
  readonly behavior?: string;
  readonly invert?: boolean | null;
  readonly replacement?: string;
  readonly split?: boolean | null;
  readonly normalizers?: readonly TokenizerPart[];
  readonly pretokenizers?: readonly TokenizerPart[];
  readonly decoders?: readonly TokenizerPart[];
};

/** Entries that a type cannot do without. */
const needed: ReadonlyMap<string, readonly string[]> = new Map([
  ['Replace', ['pattern', 'content']],
  ['Split', ['pattern']],
  ['Prepend', ['prepend']],
  ['Metaspace', ['replacement']],
  ['Precompiled', ['precompiled_charsmap']],
]);
const flags = [
  'add_prefix_space',
  'clean_text',
  'cleanup',
  'handle_chinese_chars',
  'individual_digits',
  'invert',
  'lowercase',
  'split',
  'strip_accents',
  'strip_left',
  'strip_right',
  'trim_offsets',
  'use_regex',
];
const texts = [
  'behavior',
  'content',
  'precompiled_charsmap',
  'prefix',
  'prepend',
  'prepend_scheme',
  'replacement',
  'str_rep',
  'suffix',
];

/** Most parts in one sequence. */
const longest = 64;

const partOf = (list: string): z.ZodType<TokenizerPart> => {
  const part: z.ZodType<TokenizerPart> = z.lazy(() =>
    z
      .looseObject({
        type: z.string(),
        pattern: pattern.optional(),
        ...Object.fromEntries(flags.map((key) => [key, flag])),
        ...Object.fromEntries(texts.map((key) => [key, z.string().optional()])),
        [list]: z.array(part).max(longest).optional(),
      })
      .refine(
        (value) =>
          (value.type === 'Sequence' ? [list] : (needed.get(value.type) ?? [])).every(
            (key) => value[key] !== undefined,
          ),
        {
          error: ({ input }) => `${(input as TokenizerPart).type} without its entries`,
        },
      ),
  ) as z.ZodType<TokenizerPart>;
  return part;
};

const addedToken = z.looseObject({
  id: z.int().min(0).lt(bounds.host.vocabulary),
  content: z.string().min(1),
  single_word: flag,
  lstrip: flag,
  rstrip: flag,
  normalized: flag,
  special: flag,
});
export type AddedToken = z.output<typeof addedToken>;

/** The parts of tokenizer.json but for the model and the post-processor. */
export const partsSchema = z.looseObject({
  added_tokens: z.array(addedToken).nullish(),
  normalizer: partOf('normalizers').nullish(),
  pre_tokenizer: partOf('pretokenizers').nullish(),
  decoder: partOf('decoders').nullish(),
  padding: z.looseObject({ pad_token: z.string().optional() }).nullish(),
});
