// Perplexity of a causal language model on whole documents: node --conditions=@tfjs-peft/source --import tsx tools/pretrain/measure-perplexity.ts --help
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BackendChoice, selectBackend } from '@tfjs-peft/backend';
import { minigptFiles } from '@tfjs-peft/minigpt';
import { compose } from '@tfjs-peft/peft-core';
import { type LanguageExample, scoreTexts, wholeText } from '@tfjs-peft/train';
import { loadHost, type Tokenizer } from '@tfjs-peft/transformer';
import { parseOptions } from '../options/parse-options.js';
import { readPassages } from './read-passages.js';

const { values: flags } = parseOptions({
  options: {
    help: { type: 'boolean', default: false },
    model: { type: 'string', default: minigptFiles().directory },
    data: { type: 'string', default: '../shared/data/lm' },
    novels: { type: 'string', default: '/tmp/passages/test.jsonl' },
    tokens: { type: 'string', default: '20000' },
    output: { type: 'string' },
    backend: { type: 'string', default: 'auto' },
  },
});
if (flags.help) {
  console.log(`Prints a table of perplexities by token and by byte: of novels, and of ten domains that the embedded causal host has not seen.

  --model FOLDER   a causal language model (that of @tfjs-peft/minigpt)
  --data FOLDER    has DOMAIN.test.jsonl with {"text"} lines (../shared/data/lm)
  --novels FILE    test.jsonl of make-passages.ts; left out where there is none
  --tokens N       so many of each, whole documents (20000)
  --output FILE    also as JSON
  --backend NAME`);
  process.exit(0);
}

const domains = ['stories', 'fiction', 'plays', 'speeches', 'wiki', 'science', 'clinical', 'docs', 'policy', 'code'];
await selectBackend({ backend: flags.backend as BackendChoice });
const { host, tokenizer } = await loadHost(flags.model);
const sources = [
  ...(existsSync(flags.novels) ? [['novels', flags.novels] as const] : []),
  ...domains.map((name) => [name, join(flags.data, `${name}.test.jsonl`)] as const),
];
const rows = [];
for (const [name, file] of sources) {
  const examples = takeTokens(await readPassages(file), tokenizer, host.spec.maxPositionEmbeddings);
  const score = await scoreTexts({ host, method: compose(), effective: new Map(), examples });
  const { tokens, bytes, perplexity, bytePerplexity } = score;
  rows.push({ name, tokens, bytes, perplexity, bytePerplexity });
  process.stderr.write(`${name}: ${perplexity.toFixed(1)}\n`);
}
host.dispose();
console.log('| text | tokens | bytes | perplexity by token | by byte |\n|---|---|---|---|---|');
for (const { name, tokens, bytes, perplexity, bytePerplexity } of rows)
  console.log(`| ${name} | ${tokens} | ${bytes} | ${perplexity.toFixed(1)} | ${bytePerplexity!.toFixed(2)} |`);
if (flags.output !== undefined) writeFileSync(flags.output, `${JSON.stringify(rows, null, 2)}\n`);

/** Whole documents until there are enough tokens, in pieces that fit the context; each begins with the token that ends texts, and all text is predicted. */
function takeTokens(
  texts: readonly string[],
  { encode, padTokenId: end }: Tokenizer,
  context: number,
): LanguageExample[] {
  const examples: LanguageExample[] = [];
  let tokens = 0;
  for (const text of texts) {
    if (tokens >= Number(flags.tokens)) break;
    const { inputIds } = encode(text, { maxTokens: Infinity });
    tokens += inputIds.length;
    for (let start = 0; start < inputIds.length; start += context - 1)
      examples.push(
        wholeText(
          { inputIds: [end, ...inputIds.slice(start, start + context - 1)] },
          start === 0 ? Buffer.byteLength(text) : 0,
        ),
      );
  }
  return examples;
}
