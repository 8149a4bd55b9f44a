// An adapter that HF peft 0.21 wrote in Python: load it, compare with the logits that Python got, merge it, write it again.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { selectBackend } from '@tfjs-peft/backend';
import { readAdapterFolder } from '@tfjs-peft/eval/run-folder';
import { ia3Definition } from '@tfjs-peft/ia3';
import {
  composeDefinition,
  createRegistry,
  disposeParameters,
  headDefinition,
  loadAdapter,
  mergeAdapter,
  runAdapter,
  saveAdapter,
} from '@tfjs-peft/peft-core';
import { createHost, openModelDirectory } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';

await selectBackend();
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const model = await openModelDirectory(at('../packages/transformer/test/tiny-bert'));
const host = await createHost({ config: model.config, tensors: model.tensors, name: 'tiny-bert', onIgnored: () => {} });

// The registry says which methods may be in the file. Labels have no names in files of HF peft: LABEL_0, LABEL_1, …
const registry = createRegistry(ia3Definition, headDefinition, composeDefinition);
const adapter = await loadAdapter(await readAdapterFolder(at('../packages/ia3/test/goldens/hf-ia3')), host, registry);
console.log(`loaded: ${adapter.method.parts!.map(({ type }) => type).join(' and ')}`);

const python = JSON.parse(await readFile(at('../packages/ia3/test/goldens/hf-ia3/expected.json'), 'utf8'));
const inputs = {
  inputIds: tf.tensor2d(python.input_ids, undefined, 'int32'),
  attentionMask: tf.tensor2d(python.attention_mask, undefined, 'int32'),
};
const distance = async (logits: tf.Tensor) => Math.max(...(await logits.sub(tf.tensor2d(python.logits)).abs().data()));
const ours = tf.tidy(() => runAdapter(host, adapter, inputs).logits!);
console.log(`largest difference to Python's logits: ${(await distance(ours)).toExponential(1)}`);

// `merge_and_unload` of HF peft. What no weight can hold, here the head, stays an adapter.
const merged = await mergeAdapter(host, adapter, { rest: 'keep' });
const same = tf.tidy(() => runAdapter(merged.host, merged.rest!, inputs).logits!);
console.log(`merged into the weights: ${(await distance(same)).toExponential(1)}`);

const files = await saveAdapter(adapter, host);
console.log(`written again: ${[...files].map(([name, bytes]) => `${name} (${bytes.length} bytes)`).join(', ')}`);
merged.host.dispose();
disposeParameters(adapter.effective);
host.dispose();
await model.close();
