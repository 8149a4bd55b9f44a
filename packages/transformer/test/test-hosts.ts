import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Host, PaddedBatch } from '@tfjs-peft/peft-core';
import { bytesSource, openSafetensors, type SafetensorsFile } from '@tfjs-peft/peft-core';
import type { ReadoutMap } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { createHost, type EncoderHost, type HostOptions } from '../src/encoder/create-host.js';

/** Folders of models and fixtures: in the package, in the repository, and the optional `shared` beside the repository. */
export const tinyFolder = new URL('tiny-bert/', import.meta.url);
export const minilmFolder = new URL('../../minilm/model/', import.meta.url);
export const sharedFolder = new URL('../../../../shared/', import.meta.url);
export const goldenFolder = new URL('../goldens/', import.meta.url);

/** True if `shared` beside the repository has the folder; says so in one line if not. */
export function hasShared(path: string): boolean {
  const found = existsSync(new URL(path, sharedFolder));
  if (!found) process.stderr.write(`Skipped: no ${path} in the folder "shared" beside the repository.\n`);
  return found;
}

export const readJson = async (url: URL) => JSON.parse(await readFile(url, 'utf8'));

export const openFile = async (url: URL): Promise<SafetensorsFile> =>
  openSafetensors(bytesSource(url.pathname.split('/').at(-1)!, new Uint8Array(await readFile(url))));

export async function hostFrom(folder: URL, options: Partial<HostOptions> = {}): Promise<EncoderHost> {
  const tensors = await openFile(new URL('model.safetensors', folder));
  const config = await readJson(new URL('config.json', folder));
  return createHost({ config, tensors, name: folder.pathname.split('/').at(-2)!, onIgnored: () => {}, ...options });
}

/** The tiny BERT's own classifier as interventions want it: weight `[3, 32]`, bias `[3]`. */
export async function tinyClassifier(folder = tinyFolder, file = 'model.safetensors', prefix = '') {
  const tensors = await openFile(new URL(file, folder));
  const read = async (name: string) =>
    tf.tensor(await tensors.readFloat32(`${prefix}classifier.${name}`), [
      ...tensors.tensors.get(`${prefix}classifier.${name}`)!.shape,
    ]);
  return {
    kind: 'readout',
    readout: 'pooler',
    weight: await read('weight'),
    bias: await read('bias'),
    dropout: 0,
  } as const;
}

/** The classifier of a checkpoint, of whatever form HF gives it on this architecture. */
export async function classifierOf({ spec }: Host, url: URL): Promise<ReadoutMap> {
  const { hidden, output, readout } = spec.classifier;
  const file = await openFile(url);
  const read = async (name: string) => tf.tensor(await file.readFloat32(name), [...file.tensors.get(name)!.shape]);
  const affine = async (path: string) => ({ weight: await read(`${path}.weight`), bias: await read(`${path}.bias`) });
  return {
    kind: 'readout',
    readout,
    ...(await affine(output)),
    ...(hidden &&
      (hidden.norm === undefined
        ? { hidden: { ...(await affine(hidden.path)), activation: hidden.activation } }
        : {
            hidden: {
              weight: await read(`${hidden.path}.weight`),
              norm: await read(`${hidden.norm}.weight`),
              activation: hidden.activation,
            },
          })),
    dropout: 0,
  };
}

/** A golden's tensors by name: int64 as int32, the rest as float32. */
export async function readGolden(name: string): Promise<Map<string, tf.Tensor>> {
  const file = await openFile(new URL(`${name}.safetensors`, goldenFolder));
  const tensors = new Map<string, tf.Tensor>();
  for (const [key, { dtype, shape }] of file.tensors)
    tensors.set(
      key,
      dtype === 'I64'
        ? tf.tensor(Int32Array.from(await file.readInt64(key), Number), [...shape], 'int32')
        : tf.tensor(await file.readFloat32(key), [...shape], 'float32'),
    );
  return tensors;
}

/** Random ids with padding in all rows but the first, and token types. */
export function someInputs(batch = 3, tokens = 7, vocabulary = 100, padTokenId = 0): PaddedBatch {
  const cells = Array.from({ length: batch * tokens }, (_, i) => ({ row: Math.floor(i / tokens), column: i % tokens }));
  const from = (value: (cell: { row: number; column: number }) => number) =>
    tf.tensor2d(Int32Array.from(cells, value), [batch, tokens], 'int32');
  const isText = ({ row, column }: { row: number; column: number }) => column < tokens - row;
  return {
    inputIds: from((cell) => (isText(cell) ? 5 + ((cell.row * 31 + cell.column * 17) % (vocabulary - 5)) : padTokenId)),
    attentionMask: from((cell) => Number(isText(cell))),
    tokenTypeIds: from((cell) => Number(isText(cell) && cell.column > 3)),
  };
}

export async function maxDifference(a: tf.Tensor, b: tf.Tensor): Promise<number> {
  if (a.shape.join() !== b.shape.join()) throw new Error(`shapes [${a.shape.join()}] and [${b.shape.join()}]`);
  return (await tf.tidy(() => a.sub(b).abs().max()).data())[0]!;
}
