import { describe, expect, it } from '@jest/globals';
import { writeAdapterFolder } from '@tfjs-peft/eval/run-folder';
import {
  compose,
  createStream,
  head,
  initialValues,
  type PeftMethod,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import { prefix } from '@tfjs-peft/prefix';
import { createRandomHost } from '@tfjs-peft/transformer';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useTestBackend } from '../../../../tools/jest/use-test-backend.js';
import { hfDifferences, hfNote } from './hf-note.js';

useTestBackend();

/** The differences of an adapter that was really saved, as a run keeps it. */
async function saved(method: PeftMethod): Promise<readonly string[]> {
  const host = await createRandomHost();
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(1)));
  const effective = effectiveParameters(method, raw, host.spec);
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-note-'));
  const made = { method, effective, hostFingerprint: host.spec.fingerprint };
  await writeAdapterFolder(join(folder, 'adapter'), await saveAdapter(made, host));
  return hfDifferences(folder);
}

const prefixOf = (positionPolicy: 'none' | 'shift') =>
  prefix({ prefixLength: 2, reparametrisation: 'none', positionPolicy });
const headOn = (readout: 'mean' | 'pooler') => head({ labels: ['a', 'b'], readout });

describe('the line about HF peft', () => {
  it('is not there where the adapter is the same there', async () => {
    expect(hfNote(await saved(compose(prefixOf('shift'), headOn('pooler'))))).toEqual([]);
  });

  it('names every setting that is needed for the same logits', async () => {
    const [both, ...more] = hfNote(await saved(compose(prefixOf('none'), headOn('mean'))));
    expect(more).toEqual([]);
    expect(both).toMatch(/--set model.readout=pooler and positionPolicy "shift" in the prefix gives the same there/);
    const [readout] = hfNote(await saved(compose(prefixOf('shift'), headOn('mean'))));
    expect(readout).toMatch(/\): --set model.readout=pooler gives the same there/);
  });

  it('promises nothing where no setting helps', async () => {
    const two = compose(prefixOf('none'), prefix({ prefixLength: 2, name: 'second' }), headOn('mean'));
    const [line] = hfNote(await saved(two));
    expect(line).not.toMatch(/gives the same/);
    expect(line).toMatch(/tfjs-peft export/);
  });

  it('offers no export of a decoder, whose classifier has no bias in HF', () => {
    const [line] = hfNote(['HF\'s sequence classifier for "llama" has no bias, this head has one']);
    expect(line).toMatch(/has no bias, this head has one\)$/);
  });
});
