import { expect, it, jest } from '@jest/globals';
import { bytesSource, openSafetensors } from '@tfjs-peft/peft-core';
import { writeSafetensors } from '@tfjs-peft/peft-core/files';
import { tinyModel } from '../../test/tiny-model.js';
import { createHost } from '../encoder/create-host.js';

it('a warning of tensors that are left out cannot steer a terminal', async () => {
  const files = tinyModel();
  const weights = await openSafetensors(bytesSource('w', files['model.safetensors'] as Uint8Array));
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, { shape }] of weights.tensors) tensors.set(name, { shape, data: await weights.readFloat32(name) });
  tensors.set(`classifier.\u001b]0;owned\u0007${'x'.repeat(100_000)}`, { shape: [1], data: new Float32Array(1) });
  const said: string[] = [];
  const spy = jest.spyOn(console, 'warn').mockImplementation((text: unknown) => void said.push(String(text)));
  try {
    const config = JSON.parse(String(files['config.json'])) as never;
    const host = await createHost({
      config,
      tensors: await openSafetensors(bytesSource('w', writeSafetensors(tensors))),
      name: 'tiny',
    });
    host.dispose();
  } finally {
    spy.mockRestore();
  }
  // TensorFlow.js advertises its backend as well.
  const warnings = said.filter((text) => text.startsWith('Host "tiny"'));
  expect(warnings).toHaveLength(1);
  // eslint-disable-next-line no-control-regex -- control characters are the subject
  expect(warnings[0]).not.toMatch(/[\u0000-\u001f]/);
  expect(warnings[0]!.length).toBeLessThan(3000);
});
