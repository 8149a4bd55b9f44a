import { describe, expect, it } from '@jest/globals';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { lora } from '@tfjs-peft/lora';
import {
  compose,
  createStream,
  head,
  initialValues,
  loadAdapter,
  padBatch,
  runAdapter,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { createRandomHost } from '@tfjs-peft/transformer';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';

useTestBackend();

describe.each(['bert', 'roberta', 'distilbert', 'electra', 'mpnet', 'albert', 'deberta-v2', 'modernbert'] as const)(
  'an adapter with the head of the classifier of %s',
  (modelType) => {
    it('is read again, from our folder and from what HF peft would see of it', async () => {
      const host = await createRandomHost({ modelType });
      const { readout, hidden } = host.spec.classifier;
      const normalised = hidden?.norm === undefined ? {} : { normalised: true as const };
      const own = head({ labels: ['a', 'b'], readout, hidden: hidden?.activation ?? 'none', ...normalised });
      const method = compose(lora({ rank: 2 }), own);
      const effective = toParameters(initialValues(method.plan(host.spec), createStream(1)));
      const adapter = { method, effective, hostFingerprint: host.spec.fingerprint };
      const inputs = padBatch([{ inputIds: [5, 6, 7], tokenTypeIds: [0, 0, 0] }], host.spec.padTokenId);
      const expected = await runAdapter(host, adapter, inputs).logits!.data();
      const files = await saveAdapter(adapter, host);
      const bare = new Map([...files].filter(([name]) => name !== 'tfjs_peft.json'));
      for (const folder of [files, bare]) {
        const loaded = await loadAdapter(folder, host, createCatalogue().registry, { labels: ['a', 'b'] });
        const found = await runAdapter(host, loaded, inputs).logits!.data();
        expect(Math.max(...expected.map((value, i) => Math.abs(value - found[i]!)))).toBeLessThan(1e-6);
      }
      host.dispose();
    });
  },
);
