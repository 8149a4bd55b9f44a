// Plain text of books as passages to learn from: node --conditions=@tfjs-peft/source --import tsx tools/pretrain/make-passages.ts --help
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { parseOptions } from '../options/parse-options.js';
import { passagesOf, splitBooks } from './passages.js';

const { values: flags } = parseOptions({
  options: {
    help: { type: 'boolean', default: false },
    output: { type: 'string', default: '/tmp/passages' },
    characters: { type: 'string', default: '800' },
    'held-out-every': { type: 'string', default: '32' },
  },
});
if (flags.help) {
  console.log(`Reads books from standard input, each begins with a byte order mark, and writes train.jsonl and test.jsonl: {"text"}, a passage a line.

  xz -dc ../shared/corpora/novels.txt.xz | node --conditions=@tfjs-peft/source --import tsx tools/pretrain/make-passages.ts --output /tmp/passages

  --output FOLDER        where both files go
  --characters N         about how long a passage of whole paragraphs is (default 800)
  --held-out-every N     every Nth book is for testing alone (default 32)`);
  process.exit(0);
}

const books = splitBooks(await readAll(process.stdin));
const every = Number(flags['held-out-every']);
const passages = books.map((book) => passagesOf(book, Number(flags.characters)));
const isHeldOut = (book: number) => book % every === every - 1;
mkdirSync(flags.output, { recursive: true });
for (const [name, wanted] of [
  ['train', false],
  ['test', true],
] as const) {
  const chosen = passages.filter((_, book) => isHeldOut(book) === wanted);
  const lines = chosen.flat().map((text) => `${JSON.stringify({ text })}\n`);
  writeFileSync(join(flags.output, `${name}.jsonl`), lines.join(''));
  console.log(`${name}: ${chosen.length} books, ${lines.length} passages`);
}
