import { writeFileSync } from 'node:fs';
import { selectBackend } from '@tfjs-peft/backend';
import { format, resolveConfig } from 'prettier';
import { formatMatrix, probeAll } from './matrix.js';

await selectBackend({ backend: 'wasm' });
const matrix = await probeAll();
const write = async (name: string, text: string) => {
  const url = new URL(`../../docs/${name}`, import.meta.url);
  writeFileSync(url, await format(text, { ...(await resolveConfig(url)), filepath: name }));
};
await write('capabilities.md', formatMatrix(matrix));
await write('capabilities.json', JSON.stringify(matrix));
