import { readHostFolder } from './parity-case.js';
import { openParityHost, saveAgain } from './save-again.js';
import { formatParity } from './print-parity.js';
import { selectBackend } from '@tfjs-peft/backend';
import { writeFileSync } from 'node:fs';
await selectBackend({ backend: 'tensorflow' } as never).catch(() => selectBackend({}));
const words = process.argv.slice(2);
const jobs: unknown[] = [];
for (const name of ['bert', 'roberta', 'distilbert']) {
  const folder = readHostFolder(name, `/tmp/hd-written/${name}`);
  const some = { ...folder, adapters: folder.adapters.filter((a) => words.every((w) => `${a.name} ${name}`.includes(w))) };
  if (some.adapters.length === 0) continue;
  const host = await openParityHost(some);
  const cases = await saveAgain(some, host, `/tmp/hd-saved/${name}`);
  console.log(formatParity(cases.map((c) => ({ ...c, saving: 0 }))));
  for (const one of cases) if (one.saved) jobs.push({ base: folder.base, adapter: one.saved, ...folder.inputs });
  host.host.dispose();
}
writeFileSync('/tmp/hd-jobs.json', JSON.stringify(jobs));
