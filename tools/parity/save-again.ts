import { join } from 'node:path';
import { createCatalogue, readAdapterFolder, writeAdapterFolder } from '@tfjs-peft/eval';
import {
  type Adapter,
  compose,
  disposeParameters,
  headsOf,
  type Host,
  hostHeadNames,
  isPeftError,
  type JsonObject,
  loadAdapter,
  mergeAdapter,
  type NamedArray,
  type NamedArrays,
  readHostHead,
  runAdapter,
  saveAdapter,
  selectParts,
  toParameters,
} from '@tfjs-peft/peft-core';
import { createHost, openModelDirectory } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { differenceFrom, type HostFolder, largestDifference, type Logits, type ParityCase } from './parity-case.js';

const { registry } = createCatalogue();

/** A host and the head of its checkpoint, which HF peft runs with adapters that hold none. */
export interface ParityHost {
  readonly host: Host;
  readonly ownHead: Adapter;
  /** Its tensors as the checkpoint holds them. */
  readonly hostHead: NamedArrays;
}

/** The host of a folder, without dropout in training. */
export async function openParityHost({ base, name }: HostFolder): Promise<ParityHost> {
  const model = await openModelDirectory(base);
  try {
    const { config, tensors } = model;
    const host = await createHost({ config, tensors, name, dropout: false, onIgnored: () => {} });
    const stored = new Map<string, NamedArray>();
    for (const path of hostHeadNames(host.spec))
      stored.set(path, { shape: tensors.tensors.get(path)!.shape, data: await tensors.readFloat32(path) });
    const head = readHostHead(stored, host.spec, base)!;
    const { fingerprint } = host.spec;
    return {
      host,
      ownHead: { method: head.method, effective: toParameters(head.effective), hostFingerprint: fingerprint },
      hostHead: stored,
    };
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

/** Our logits once the adapter is in the weights; undefined if no weight can hold it. */
export async function mergedLogitsOf(host: Host, adapter: Adapter, folder: HostFolder): Promise<Logits | undefined> {
  try {
    const { host: merged, rest } = await mergeAdapter(host, adapter);
    try {
      return rest === null ? undefined : await logitsOf(merged, rest, folder);
    } finally {
      merged.dispose();
    }
  } catch (error) {
    if (isPeftError(error) && error.code === 'NOT_MERGEABLE') return undefined;
    throw error;
  }
}

/** Saves the adapter into `folder` and throws if our own record says that HF peft would compute something else. */
export async function saveFor(folder: string, adapter: Adapter, host: Host, extraConfig?: JsonObject): Promise<string> {
  const files = await saveAdapter(adapter, host, { extraConfig });
  await writeAdapterFolder(folder, files);
  const { differences } = JSON.parse(new TextDecoder().decode(files.get('tfjs_peft.json'))) as {
    differences: string[];
  };
  // Behind prompts, texts with padding on the left are not compared.
  const compared = differences.filter((difference) => !difference.startsWith('padding on the left'));
  if (compared.length > 0) throw new Error(`tfjs_peft.json says: ${compared.join('; ')}`);
  return folder;
}

/** The adapter, with another one's head if it has none. */
const withHead = (adapter: Adapter, { method, effective }: Adapter): Adapter =>
  headsOf(adapter.method).length > 0
    ? adapter
    : {
        ...adapter,
        method: compose(adapter.method, method),
        effective: new Map([...adapter.effective, ...effective]),
      };

/** Loads every adapter that HF peft wrote for a host, compares the logits and saves it again below `out`. */
export async function saveAgain(
  folder: HostFolder,
  { host, ownHead, hostHead }: ParityHost,
  out: string,
): Promise<ParityCase[]> {
  const cases: ParityCase[] = [];
  for (const { name, folder: from, logits: expected } of folder.adapters) {
    const known = { host: folder, name, expected };
    let seen: Pick<ParityCase, 'loading' | 'merging' | 'effect'> = {};
    try {
      const { extraConfig, ...adapter } = await loadAdapter(await readAdapterFolder(from), host, registry, {
        hostHead,
      });
      const whole = withHead(adapter, ownHead);
      const loading = differenceFrom(known, await logitsOf(host, whole, folder));
      const merged = await mergedLogitsOf(host, whole, folder);
      const merging = merged && differenceFrom(known, merged);
      seen = { loading, ...(merging !== undefined && { merging }), effect: await effectOf(host, whole, folder) };
      cases.push({ ...known, ...seen, saved: await saveFor(join(out, name), adapter, host, extraConfig) });
      disposeParameters(adapter.effective);
    } catch (error) {
      cases.push({ ...known, ...seen, failure: String(error) });
    }
  }
  return cases;
}
