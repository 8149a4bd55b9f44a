// CLINC150 as one CSV file a domain, for `prepare`, and as the new tasks of `demo --meta`: node --conditions=@tfjs-peft/source --import tsx tools/meta/split-intents.ts --help
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTable } from '@tfjs-peft/glue-fewshot';
import { parseOptions } from '../options/parse-options.js';

const { values: flags } = parseOptions({
  options: {
    help: { type: 'boolean', default: false },
    data: { type: 'string', default: '../shared/data/classification' },
    new: { type: 'string', default: 'kitchen_and_dining,travel,work' },
    output: { type: 'string', default: '/tmp/intents' },
  },
});
if (flags.help) {
  console.log(`Writes OUTPUT/seen (training texts of the domains that a start may be prepared on) and OUTPUT/new (test texts of the others).

  --data FOLDER     has clinc150.train.tsv and clinc150.test.tsv
  --new a,b         domains that nothing is prepared on (kitchen_and_dining,travel,work)
  --output FOLDER`);
  process.exit(0);
}

const fresh = flags.new.split(',');
await write('seen', 'clinc150.train.tsv', (domain) => !fresh.includes(domain));
await write('new', 'clinc150.test.tsv', (domain) => fresh.includes(domain));

async function write(folder: string, file: string, isWanted: (domain: string) => boolean): Promise<void> {
  const table = await readTable(join(flags.data, file));
  const place = (name: string) => table.columns.indexOf(name);
  const [domains, labels, texts] = [place('domain'), place('label'), place('text')];
  const lines = new Map<string, string[]>();
  for (let row = 0; row < table.rowCount; row++) {
    const cell = (column: number) => String(table.cell(row, column));
    if (!isWanted(cell(domains!))) continue;
    const own = lines.get(cell(domains!)) ?? ['text,label'];
    lines.set(cell(domains!), [...own, `"${cell(texts!).replaceAll('"', '""')}",${cell(labels!)}`]);
  }
  mkdirSync(join(flags.output, folder), { recursive: true });
  for (const [domain, own] of lines) {
    writeFileSync(join(flags.output, folder, `${domain}.csv`), `${own.join('\n')}\n`);
    console.log(`${folder}/${domain}.csv: ${own.length - 1} texts`);
  }
}
