// Trains prefixes for a few steps with positionPolicy "shift" and the pooler, plain and as a simplex, saves them as adapter folders and
// writes the logits that they give, for verify_adapter.py to compare with HF peft.
// Usage: node --conditions=@tfjs-peft/source --import tsx tools/parity/export_adapter.ts OUT
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { selectBackend } from '@tfjs-peft/backend';
import {
  compose,
  disposeParameters,
  head,
  padBatch,
  type PeftMethod,
  runAdapter,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { minilmFiles } from '@tfjs-peft/minilm';
import { prefix } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import { parseTrainConfig, train } from '@tfjs-peft/train';
import { loadHost } from '@tfjs-peft/transformer';

const out = process.argv[2];
if (!out) throw new Error('usage: export_adapter.ts OUT');
const { backend } = await selectBackend();
const { host, tokenizer } = await loadHost(minilmFiles().directory, { readout: 'pooler', dropout: false });
const texts = [
  'You have won',
  "Minutes of Tuesday's meeting",
  'Claim your free prize now !!!',
  'Patch for the build script',
];
const examples = texts.map((text, index) => ({
  text: tokenizer.encode(text, undefined, { maxTokens: 64 }),
  label: index % 2 === 0 ? 1 : 0,
}));
const inputs = padBatch(
  examples.map(({ text }) => text),
  host.spec.padTokenId,
);

const plain = (reparametrisation: 'mlp' | 'none') =>
  compose(
    prefix({ prefixLength: 7, reparametrisation, initialStandardDeviation: 0.1, positionPolicy: 'shift' }),
    head({ labels: ['ham', 'spam'], readout: 'pooler' }),
  );
const methods: Record<string, PeftMethod> = {
  flat: plain('none'),
  mlp: plain('mlp'),
  simplex: subspace(plain('none'), { vertices: 3 }),
};
for (const [name, method] of Object.entries(methods)) {
  const trained = await train({
    host,
    method,
    train: examples,
    dev: [],
    loss: 'cross_entropy',
    score: () => ({ headline: 0, metrics: {} }),
    config: parseTrainConfig({ steps: 5, batchSize: 4, learningRate: 1e-2, warmupRatio: 0, patience: null }),
    seed: 1,
  });
  const effective = toParameters(trained.effective);
  const adapter = { method: trained.method, effective, hostFingerprint: host.spec.fingerprint };
  const folder = join(out, name);
  mkdirSync(folder, { recursive: true });
  for (const [file, bytes] of await saveAdapter(adapter, host)) writeFileSync(join(folder, file), bytes);
  const { logits } = runAdapter(host, adapter, inputs);
  const expected = {
    host: minilmFiles().directory,
    backend,
    input_ids: await inputs.inputIds.array(),
    attention_mask: await inputs.attentionMask.array(),
    logits: await logits!.array(),
  };
  writeFileSync(join(folder, 'expected.json'), JSON.stringify(expected));
  disposeParameters(effective);
  console.log(`${name}: ${folder}`);
}
