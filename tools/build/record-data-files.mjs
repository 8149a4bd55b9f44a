// Writes SHA256SUMS of a data package's folder and the table of its files in the README beside it: node tools/build/record-data-files.mjs packages/minigpt/model
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const [folder] = process.argv.slice(2);
if (folder === undefined || folder === '--help') {
  console.log('Usage: node tools/build/record-data-files.mjs FOLDER    such as packages/minigpt/model');
  process.exit(folder === undefined ? 2 : 0);
}

const names = readdirSync(folder, { recursive: true, withFileTypes: true })
  .flatMap((entry) => (entry.isFile() ? [relative(folder, join(entry.parentPath, entry.name))] : []))
  .filter((name) => name !== 'SHA256SUMS')
  .sort();
const files = names.map((name) => {
  const bytes = readFileSync(join(folder, name));
  return { name, bytes: bytes.length, sum: createHash('sha256').update(bytes).digest('hex') };
});
writeFileSync(join(folder, 'SHA256SUMS'), files.map(({ name, sum }) => `${sum}  ${name}\n`).join(''));

const readme = join(folder, '..', 'README.md');
const width = Math.max(...names.map(({ length }) => length));
const size = (bytes) => bytes.toLocaleString('en-US');
const sizeWidth = Math.max(5, ...files.map(({ bytes }) => size(bytes).length));
const row = (name, bytes, sum) => `| ${name.padEnd(width)} | ${bytes.padStart(sizeWidth)} | ${sum.padEnd(64)} |`;
const table = [
  row('file', 'bytes', 'sha256'),
  `| ${'-'.repeat(width)} | ${'-'.repeat(sizeWidth - 1)}: | ${'-'.repeat(64)} |`,
  ...files.map(({ name, bytes, sum }) => row(name, size(bytes), sum)),
].join('\n');
const before = readFileSync(readme, 'utf8');
const after = before.replace(/^\| file .*\n(\|.*\n)+/m, `${table}\n`);
writeFileSync(readme, after);
console.log(
  `${files.length} files recorded${after.includes(table) ? '' : '; the README has no table that begins with "| file"'}`,
);
