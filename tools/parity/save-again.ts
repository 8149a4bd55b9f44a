import { join } from 'node:path';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { readAdapterFolder, writeAdapterFolder } from '@tfjs-peft/eval/run-folder';
import {
  type Adapter,
  compose,
  disposeParameters,
  evaluationContext,
  type Host,
  type HostInputs,
  isPeftError,
  loadAdapter,
  mergeAdapter,
  type NamedArray,
  type NamedArrays,
  runAdapter,
  saveAdapter,
  selectParts,
  toParameters,
} from '@tfjs-peft/peft-core';
import { headsOf } from '@tfjs-peft/peft-core/authoring';
import { hostHeadNames, readHostHead } from '@tfjs-peft/peft-core/files';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { createDecoderHost, createHost, openModelDirectory } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { saveMerged } from './save-merged.js';
import { differenceFrom, type HostFolder, largestDifference, type Logits, type ParityCase } from './parity-case.js';

const { registry } = createCatalogue();

/** A host, and the head of its checkpoint, which HF peft runs with adapters that hold none; a decoder has none. */
export interface ParityHost {
  readonly host: Host;
  readonly ownHead?: Adapter;
  /** Its tensors as the checkpoint holds them. */
  readonly hostHead: NamedArrays;
}

/** The host of a folder, without dropout in training. */
export async function openParityHost({ base, name, predictsNext }: HostFolder): Promise<ParityHost> {
  const model = await openModelDirectory(base);
  try {
    const { config, tensors } = model;
    if (predictsNext)
      return { host: await createDecoderHost({ config, tensors, name, dropout: false }), hostHead: new Map() };
    const host = await createHost({ config, tensors, name, dropout: false, onIgnored: () => {} });
    const stored = new Map<string, NamedArray>();
    for (const path of hostHeadNames(host.spec))
      if (tensors.tensors.has(path))
        stored.set(path, { shape: tensors.tensors.get(path)!.shape, data: await tensors.readFloat32(path) });
    const head = readHostHead(stored, host.spec, base);
    if (!head) return { host, hostHead: stored };
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

/** Our logits for the inputs of the folder; `adapter` undefined is the host alone. */
export async function logitsOf(host: Host, adapter: Adapter | undefined, { inputs }: HostFolder): Promise<Logits> {
  const logits = tf.tidy(() => {
    const inputIds = tf.tensor2d(inputs.input_ids, undefined, 'int32');
    const attentionMask = tf.tensor2d(inputs.attention_mask, undefined, 'int32');
    return host.spec.languageModel
      ? nextTokenLogits(host, adapter, { inputIds, attentionMask })
      : runAdapter(host, adapter!, { inputIds, attentionMask }).logits!;
  });
  const values = (await logits.array()) as number[][];
  logits.dispose();
  if (!host.spec.languageModel) return values;
  const isText = inputs.attention_mask.flat();
  return values.filter((_, token) => isText[token] === 1);
}

/** What may come next behind every token, `[batch * tokens, vocabulary]`; virtual tokens come first and are left out. */
function nextTokenLogits(host: Host, adapter: Adapter | undefined, inputs: HostInputs): tf.Tensor2D {
  const [batch = 1, tokens = 1] = inputs.inputIds.shape;
  const context = evaluationContext(host.spec, batch);
  const interventions = adapter?.method.intervene(adapter.effective, context) ?? [];
  const { lastHiddenState, outputEmbeddings } = host.forward(inputs, interventions, context);
  const [, length, size] = lastHiddenState.shape;
  const states = lastHiddenState.slice([0, length - tokens, 0], [batch, tokens, size]).reshape([-1, size]);
  return tf.matMul(states as tf.Tensor2D, outputEmbeddings!.table, false, true);
}

/** The largest change of the logits when only the head of the adapter is left. */
export async function effectOf(host: Host, adapter: Adapter, folder: HostFolder): Promise<number> {
  const headAlone = await logitsOf(host, host.spec.languageModel ? undefined : selectParts(adapter, ['head']), folder);
  return largestDifference(headAlone, await logitsOf(host, adapter, folder));
}

/** Our logits once the adapter is in the weights; undefined if no weight can hold it. */
export async function mergedLogitsOf(host: Host, adapter: Adapter, folder: HostFolder): Promise<Logits | undefined> {
  try {
    const { host: merged, rest } = await mergeAdapter(host, adapter);
    try {
      return await logitsOf(merged, rest ?? undefined, folder);
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
  // Texts that are padded on the left are not compared where this is said, see parity-case.ts.
  const unexpected = differences.filter((text) => !text.startsWith('padding on the left'));
  if (unexpected.length > 0) throw new Error(`tfjs_peft.json says: ${unexpected.join('; ')}`);
  return folder;
}

/** The adapter, with another one's head if it has none. */
const withHead = (adapter: Adapter, head: Adapter | undefined): Adapter =>
  !head || headsOf(adapter.method).length > 0
    ? adapter
    : {
        ...adapter,
        method: compose(adapter.method, head.method),
        effective: new Map([...adapter.effective, ...head.effective]),
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
    let seen: Pick<ParityCase, 'loading' | 'mergedHere' | 'effect'> = {};
    try {
      const { extraConfig, ...adapter } = await loadAdapter(await readAdapterFolder(from), host, registry, {
        hostHead,
      });
      const whole = withHead(adapter, ownHead);
      const loading = differenceFrom(known, await logitsOf(host, whole, folder));
      const here = await mergedLogitsOf(host, whole, folder);
      const mergedHere = here && differenceFrom(known, here);
      seen = { loading, ...(mergedHere !== undefined && { mergedHere }), effect: await effectOf(host, whole, folder) };
      const merged = await saveMerged(join(out, `${name}, merged`), whole, host, folder);
      cases.push({ ...known, ...seen, saved: await saveFor(join(out, name), adapter, host, extraConfig), merged });
      disposeParameters(adapter.effective);
    } catch (error) {
      cases.push({ ...known, ...seen, failure: String(error) });
    }
  }
  return cases;
}
