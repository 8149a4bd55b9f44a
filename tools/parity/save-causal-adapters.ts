// Reads the adapters of HF peft in the goldens of decoders and writes them again, for check_causal_adapters.py.
// Usage: node --conditions=@tfjs-peft/source --import tsx tools/parity/save-causal-adapters.ts OUT
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { selectBackend } from '@tfjs-peft/backend';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { bytesSource, loadAdapter, openSafetensors, saveAdapter } from '@tfjs-peft/peft-core';
import { createDecoderHost } from '@tfjs-peft/transformer';

const [out] = process.argv.slice(2);
if (!out) throw new Error('usage: save-causal-adapters.ts OUT');
const goldens = fileURLToPath(new URL('../../packages/transformer/goldens/', import.meta.url));
await selectBackend({ backend: 'cpu' });
for (const name of readdirSync(goldens).filter((entry) => entry.endsWith('-peft'))) {
  const model = name.replace(/-peft$/, '');
  const read = (path: string) => new Uint8Array(readFileSync(join(goldens, path)));
  const host = await createDecoderHost({
    config: JSON.parse(new TextDecoder().decode(read(`${model}/config.json`))),
    tensors: await openSafetensors(bytesSource(model, read(`${model}/model.safetensors`))),
    name: model,
  });
  for (const kind of readdirSync(join(goldens, name)).filter((entry) => !entry.includes('.'))) {
    const names = readdirSync(join(goldens, name, kind));
    const files = new Map(names.map((file) => [file, read(`${name}/${kind}/${file}`)]));
    const { method, effective } = await loadAdapter(files, host, createCatalogue().registry);
    const saved = await saveAdapter({ method, effective, hostFingerprint: host.spec.fingerprint }, host);
    mkdirSync(join(out, name, kind), { recursive: true });
    for (const [file, bytes] of saved) writeFileSync(join(out, name, kind, file), bytes);
  }
  host.dispose();
}
