import { expect, it } from '@jest/globals';
import { describeOnNative } from '../jest/on-native.js';
import { useTestBackend } from '../jest/use-test-backend.js';
import { demoMeta } from '../../packages/cli/src/commands/demo-meta.js';
import { runCli } from '../../packages/cli/src/run-cli.js';
import { fakeIo } from '../../packages/cli/test/fake-io.js';

useTestBackend();

const small = { tasks: 1, shots: 1, queries: 2, at: [0, 1] };
const run = async (json: boolean) => {
  const { io, texts } = fakeIo();
  const code = await demoMeta({ backend: 'current', json, quiet: false }, io, small);
  return { code, ...texts };
};

describeOnNative('demo --meta', () => {
  it('shows what a prepared adapter learns of new intents beside one that is not', async () => {
    const { code, out, err } = await run(false);
    expect(code).toBe(0);
    expect(err).toMatch(/intents of kitchen_and_dining from 1 texts each/);
    expect(out).toMatch(/kitchen_and_dining, 15 intents each \(chance: 6\.7\)/);
    expect(out).toMatch(/^steps +prepared +not prepared/m);
    expect(out).toMatch(/^0 .*\n1 /m);
    expect(out).toMatch(/497664 numbers/);
    expect(out).toMatch(/tfjs-peft adapt .*kitchen_and_dining\.csv/);
  });

  it('learns faster from the prepared start, and the same each time', async () => {
    const [first, second] = [JSON.parse((await run(true)).out), JSON.parse((await run(true)).out)];
    expect(first.prepared[1].loss).toBeLessThan(first.unprepared[1].loss);
    expect(first.prepared).toEqual(second.prepared);
    expect(first.tasks).toEqual([{ name: 'kitchen_and_dining', classes: 15 }]);
  });

  it('refuses options of the other demo', async () => {
    const { io, texts } = fakeIo();
    expect(await runCli(['demo', '--meta', '--fresh'], io)).toBe(2);
    expect(texts.err).toMatch(/--meta.*cannot be used with.*--fresh/);
  });
});
