import {
  type Adapter,
  type AdapterFiles,
  createRegistry,
  leavesOf,
  loadAdapter,
  type MethodRegistry,
  type PeftMethod,
  saveAdapter,
} from '@tfjs-peft/peft-core';
import type * as tf from '@tensorflow/tfjs';
import { breakMethod, changeLeaves, override, withWrongFold } from '../broken/break-method.js';
import { isTensorFile, readTensorFile } from '../kit/adapter-files.js';
import type { ConformanceCheck } from '../kit/check.js';
import { distanceOf, requireClose, requireSameBits, sameBits } from '../kit/compare.js';
import { requireThat } from '../kit/failure.js';
import { logitsOf } from '../kit/run-pass.js';
import { registryOf, type Subject } from '../kit/subject.js';
import { adapterOf, afterTraining, withHead } from '../kit/trained.js';

export const saveAndLoad: ConformanceCheck = {
  name: 'save-and-load',
  claim: 'save, load, save gives the same logits and the same bytes, as HF peft stores it and under own names',
  run: checkFiles,
  controls: [
    {
      breaks: 'saves other numbers than it has',
      apply: (subject) => breakMethod(subject, withWrongFold),
      fails: /logits/,
    },
    {
      breaks: 'saves other numbers than it has, once it was loaded',
      apply: (subject) => ({
        ...subject,
        definitions: subject.definitions.map((definition) =>
          ['COMPOSE', 'SUBSPACE'].includes(definition.type)
            ? definition
            : { ...definition, create: (config, parts) => withWrongFold(definition.create(config, parts)) },
        ),
      }),
      fails: /second save/,
    },
  ],
};

async function checkFiles(subject: Subject): Promise<void> {
  const method = withHead(subject);
  await checkRoundTrip(subject, method, registryOf(subject), '');
  if (!leavesOf(method).some(({ files }) => files)) return;
  const own = createRegistry(
    ...subject.definitions.map((definition) => ({
      ...definition,
      create: (config: never, parts: readonly PeftMethod[]) => withoutCodec(definition.create(config, parts)),
    })),
  );
  await checkRoundTrip(subject, changeLeaves(method, withoutCodec), own, ' under own names');
}

async function checkRoundTrip(subject: Subject, method: PeftMethod, registry: MethodRegistry, how: string) {
  const { host, tolerances } = subject;
  const adapter = adapterOf(subject, afterTraining(subject, method));
  const saved = await saveAdapter(adapter, host);
  const loaded = await loadAdapter(saved, host, registry);
  await requireClose(
    logitsOf(subject, loaded),
    logitsOf(subject, adapter),
    tolerances.files,
    `logits after saving and loading${how}`,
  );
  const again = await saveAdapter(loaded, host);
  // Methods that store whole values get their differences back only up to rounding.
  const exact = !leavesOf(loaded.method).some(({ files }) => files?.hostTensors);
  for (const name of again.keys()) await requireSameFile(saved, again, name, exact, how);
  if (saved.has('vertices.safetensors'))
    await requireSameParameters(adapter, await loadAdapter(saved, host, registry, { unfolded: true }), how);
}

/** The record of a simplex says what it was before it was folded, that of the loaded midpoint does not. */
async function requireSameFile(saved: AdapterFiles, again: AdapterFiles, name: string, exact: boolean, how: string) {
  const [first, second] = [saved.get(name), again.get(name)!];
  requireThat(first !== undefined, `the second save${how} has another file "${name}"`);
  if (name === 'tfjs_peft.json' && saved.has('vertices.safetensors')) return;
  if (exact || !isTensorFile(name)) {
    requireThat(sameBits(first, second), `the second save${how} has other bytes in "${name}"`);
    return;
  }
  const tensors = await readTensorFile(saved, name);
  for (const [tensor, { data }] of await readTensorFile(again, name))
    requireThat(
      distanceOf(data, tensors.get(tensor)?.data ?? []) < 1e-6,
      `the second save${how} has other numbers in "${name}", "${tensor}"`,
    );
}

async function requireSameParameters(before: Adapter, after: Adapter, how: string): Promise<void> {
  for (const [name, tensor] of before.effective) {
    const loaded: tf.Tensor | undefined = after.effective.get(name);
    requireThat(loaded !== undefined, `no "${name}" among the vertices loaded${how}`);
    await requireSameBits(loaded, tensor, `"${name}" after saving and loading vertices${how}`);
  }
}

const withoutCodec = (method: PeftMethod): PeftMethod => override(method, { files: undefined });
