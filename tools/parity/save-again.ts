import { join } from 'node:path';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { readAdapterFolder, writeAdapterFolder } from '@tfjs-peft/eval/run-folder';
import {
  type Adapter,
  disposeParameters,
  type Host,
  loadAdapter,
  runAdapter,
  saveAdapter,
  selectParts,
} from '@tfjs-peft/peft-core';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { createHost, openModelDirectory } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { saveMerged } from './save-merged.js';
import { differenceFrom, type HostFolder, largestDifference, type Logits, type ParityCase } from './parity-case.js';

const { registry } = createCatalogue();

/** The host of a folder, without dropout in training. The classifier of the checkpoint is HF's business: heads belong to adapters here. */
export async function openParityHost({ base, name }: HostFolder): Promise<Host> {
  const model = await openModelDirectory(base);
  try {
    const { config, tensors } = model;
    return await createHost({ config, tensors, name, dropout: false, onIgnored: () => {} });
  } finally {
    await model.close();
  }
}

/** Our logits for the inputs of the folder. */
export async function logitsOf(host: Host, adapter: Adapter, { inputs }: HostFolder): Promise<Logits> {
  const logits = tf.tidy(() => {
    const inputIds = tf.tensor2d(inputs.input_ids, undefined, 'int32');
    const attentionMask = tf.tensor2d(inputs.attention_mask, undefined, 'int32');
    return runAdapter(host, adapter, { inputIds, attentionMask }).logits!;
  });
  const values = await logits.array();
  logits.dispose();
  return values;
}

/** The largest change of the logits when only the head of the adapter is left. */
export async function effectOf(host: Host, adapter: Adapter, folder: HostFolder): Promise<number> {
  const headAlone = await logitsOf(host, selectParts(adapter, ['head']), folder);
  return largestDifference(headAlone, await logitsOf(host, adapter, folder));
}

/** Saves the adapter into `folder` and throws if our own record says that HF peft would compute something else. */
export async function saveFor(folder: string, adapter: Adapter, host: Host, extraConfig?: JsonObject): Promise<string> {
  const files = await saveAdapter(adapter, host, { extraConfig });
  await writeAdapterFolder(folder, files);
  const { differences } = JSON.parse(new TextDecoder().decode(files.get('tfjs_peft.json'))) as {
    differences: string[];
  };
  // Texts that are padded on the left are not compared where this is said, see parity-case.ts.
  const unexpected = differences.filter((text) => !text.startsWith('padding on the left'));
  if (unexpected.length > 0) throw new Error(`tfjs_peft.json says: ${unexpected.join('; ')}`);
  return folder;
}

/** Loads every adapter that HF peft wrote for a host, compares the logits and saves it again below `out`. */
export async function saveAgain(folder: HostFolder, host: Host, out: string): Promise<ParityCase[]> {
  const cases: ParityCase[] = [];
  for (const { name, folder: from, logits: expected } of folder.adapters) {
    const known = { host: folder, name, expected };
    let seen: Pick<ParityCase, 'loading' | 'effect'> = {};
    try {
      const { extraConfig, ...adapter } = await loadAdapter(await readAdapterFolder(from), host, registry);
      const loading = differenceFrom(known, await logitsOf(host, adapter, folder));
      seen = { loading, effect: await effectOf(host, adapter, folder) };
      const merged = await saveMerged(join(out, `${name}, merged`), adapter, host, folder);
      cases.push({ ...known, ...seen, saved: await saveFor(join(out, name), adapter, host, extraConfig), merged });
      disposeParameters(adapter.effective);
    } catch (error) {
      cases.push({ ...known, ...seen, failure: String(error) });
    }
  }
  return cases;
}
