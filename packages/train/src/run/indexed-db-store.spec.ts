import 'fake-indexeddb/auto';
import { afterAll, describe, expect, it } from '@jest/globals';
import { createToyHost } from '../../test/toy-host.js';
import { comparable, toyRequest } from '../../test/toy-request.js';
import { checkpointName } from './checkpoint.js';
import { createIndexedDbStore } from './indexed-db-store.js';
import { train } from './train.js';

const host = createToyHost();
afterAll(() => host.dispose());

describe('createIndexedDbStore', () => {
  it('makes a run go on to the bit after its page was closed', async () => {
    const whole = await train(toyRequest(host));
    const run = (onStep: (step: number) => void) =>
      train(
        toyRequest(
          host,
          { checkpointEvery: 4 },
          {
            store: createIndexedDbStore('run'),
            onEvent: (event) => event.type === 'step' && onStep(event.step),
          },
        ),
      );
    const closed = run((step) => {
      if (step === 10) throw new Error('closed');
    });
    await expect(closed).rejects.toThrow('closed');
    const steps: number[] = [];
    const resumed = await run((step) => void steps.push(step));
    expect(steps[0]).toBe(9);
    expect(comparable(resumed.history)).toEqual(comparable(whole.history));
    expect([...resumed.effective]).toEqual([...whole.effective]);
  });

  it('keeps databases apart, and knows what was removed', async () => {
    const [one, other] = [createIndexedDbStore('one'), createIndexedDbStore('other')];
    expect(await one.read(checkpointName)).toBeNull();
    await one.write(checkpointName, new Uint8Array([1, 2]));
    expect(await createIndexedDbStore('one').read(checkpointName)).toEqual(new Uint8Array([1, 2]));
    expect(await other.read(checkpointName)).toBeNull();
    await one.remove(checkpointName);
    await one.remove(checkpointName);
    expect(await one.read(checkpointName)).toBeNull();
  });
});
