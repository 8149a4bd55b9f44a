import { describe, expect, it } from '@jest/globals';
import {
  type Adapter,
  compose,
  createStream,
  head,
  initialValues,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { headsOf } from '@tfjs-peft/peft-core/authoring';
import { lora } from '@tfjs-peft/lora';
import { createRandomHost } from '@tfjs-peft/transformer';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { createCatalogue } from '../methods/plugins.js';
import { renameLabels } from './rename-labels.js';

useTestBackend();
const setup = { registry: createCatalogue().registry, what: 'the adapter' };

describe('renameLabels', () => {
  it('gives the head other names, which are saved with the same parameters', async () => {
    const host = await createRandomHost({}, 1);
    const method = compose(lora({ rank: 2 }), head({ labels: ['no', 'yes'] }));
    const effective = toParameters(initialValues(method.plan(host.spec), createStream(1)));
    const adapter: Adapter = { method, effective, hostFingerprint: host.spec.fingerprint };
    const renamed = renameLabels(adapter, ['ham', 'spam'], setup);
    expect(headsOf(renamed.method)[0]!.head.labels).toEqual(['ham', 'spam']);
    const [before, after] = [await saveAdapter(adapter, host), await saveAdapter(renamed, host)];
    expect([...after.keys()]).toEqual([...before.keys()]);
    expect(after.get('adapter_model.safetensors')).toEqual(before.get('adapter_model.safetensors'));
    expect(new TextDecoder().decode(after.get('tfjs_peft.json'))).toContain('"spam"');
    expect(renameLabels(adapter, undefined, setup)).toBe(adapter);
    expect(renameLabels(adapter, ['no', 'yes'], setup)).toBe(adapter);
    for (const labels of [['a'], ['a', 'a'], ['a', 'b', 'c']])
      expect(() => renameLabels(adapter, labels, setup)).toThrow(expect.objectContaining({ code: 'LABELS_MISMATCH' }));
    host.dispose();
  });
});
