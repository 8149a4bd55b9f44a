// A small HTTP service around an adapter: train, save, load, serve. It asks itself one question and stops.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { openPredictor } from '@tfjs-peft/eval';
import { writeAdapterFolder } from '@tfjs-peft/eval/run-folder';
import { selectBackend } from '@tfjs-peft/backend';
import { minilmFiles } from '@tfjs-peft/minilm';
import { disposeParameters, head, saveAdapter, toParameters } from '@tfjs-peft/peft-core';
import { fitHead } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';

await selectBackend();
const { host, tokenizer } = await loadHost(minilmFiles().directory, { readout: 'mean' });
const lines = ["Minutes of Tuesday's meeting", 'Lunch on Friday?', 'You have won', 'Cheap pills, no prescription'];

// A head alone, fitted at once; any adapter is saved and loaded in the same way.
const method = head({ labels: ['ham', 'spam'] });
const texts = lines.map((line) => tokenizer.encode(line, { maxTokens: 32 }));
const effective = toParameters(await fitHead({ host, head: method, texts, labels: [0, 0, 1, 1] }));
const folder = join(await mkdtemp(join(tmpdir(), 'tfjs-peft-service-')), 'adapter');
await writeAdapterFolder(
  folder,
  await saveAdapter({ method, effective, hostFingerprint: host.spec.fingerprint }, host),
);
disposeParameters(effective);

// A service starts here: `openPredictor(folder)` finds host and adapter by itself.
const predictor = await openPredictor(folder, { model: 'minilm', backend: 'current', host: { host, tokenizer } });
const server = createServer(async (request, response) => {
  try {
    const [answer] = await predictor.predict([await text(request)]);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ label: answer!.label, probability: Number(answer!.probability.toFixed(3)) }));
  } catch (error) {
    // Errors of the library say in one line what to do: TEXT_EMPTY, for example.
    response.statusCode = 400;
    response.end(error instanceof Error ? error.message : 'bad request');
  }
});
await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
const address = server.address();
if (typeof address !== 'object' || !address) throw new Error('the server has no port');

for (const body of ['Congratulations, you are a winner!', '']) {
  const response = await fetch(`http://127.0.0.1:${address.port}`, { method: 'POST', body });
  console.log(`${response.status}: ${await response.text()}`);
}
await new Promise((stopped) => server.close(stopped));
predictor.dispose();
await rm(join(folder, '..'), { recursive: true });
