import { describe, expect, it } from '@jest/globals';
import {
  type AdapterFiles,
  createRegistry,
  createStream,
  disposeParameters,
  initialValues,
  loadAdapter,
  readParameters,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { specOfMaps, withoutWeights } from '../test/fake-host.js';
import { hfMethodDefinitions, pvera, vera } from './index.js';

useTestBackend();

const registry = createRegistry(...hfMethodDefinitions);
const host = withoutWeights(specOfMaps(['query', 1500, 700, 'query'], ['value', 700, 1500, 'value']));

/** The same without our record, and without a task, so that no head is missed. */
function asOfHf(files: AdapterFiles): AdapterFiles {
  const config = JSON.parse(new TextDecoder().decode(files.get('adapter_config.json')));
  const edited = new TextEncoder().encode(JSON.stringify({ ...config, task_type: null }));
  const others = [...files].filter(([name]) => name !== 'tfjs_peft.json');
  return new Map([...others, ['adapter_config.json', edited]]);
}

describe('random matrices that no file holds', () => {
  it.each([
    ['VERA', vera],
    ['PVERA', pvera],
  ])('%s: are drawn again, however many there are, from a folder of ours and one of HF peft', async (_, make) => {
    const method = make({ r: 400, save_projection: false, projection_prng_key: 3 });
    const values = initialValues(method.plan(host.spec), createStream(1));
    const numbers = [...values.values()].reduce((sum, { data }) => sum + data.length, 0);
    expect(numbers).toBeGreaterThan(1.2e6);
    const effective = toParameters(values);
    const files = await saveAdapter({ method, effective, hostFingerprint: host.spec.fingerprint }, host);
    const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
    expect(bytes).toBeLessThan(numbers / 10);
    for (const folder of [files, asOfHf(files)]) {
      const loaded = await loadAdapter(folder, host, registry);
      const arrays = await readParameters(loaded.effective);
      for (const [name, { data }] of values)
        expect([name, arrays.get(name)!.data.every((value, i) => value === data[i])]).toEqual([name, true]);
      expect(arrays.size).toBe(values.size);
      disposeParameters(loaded.effective);
    }
    disposeParameters(effective);
  });
});
