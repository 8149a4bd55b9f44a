import type { Host } from '@tfjs-peft/peft-core';
import type { Batch, Objective } from '@tfjs-peft/peft-core/authoring';
import { labelledTexts, toBatch } from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';
import type { Session } from '../trial/session.js';
import { requireLabels } from '../trial/task-data.js';
import { type GradientShapes, measureShares, topShares, weightsOfLayers } from './measure-shares.js';
import { randomiseHost } from './randomise-host.js';

/** One weight of the host: means over the batches. */
export interface GradientRow {
  readonly path: string;
  readonly role: string;
  readonly layer: number;
  readonly entries: number;
  /** Euclidean norm of the gradient of the pretrained weight. */
  readonly norm: number;
  /** Parts of the norm in the largest 0.1, 1 and 10 % of the entries. */
  readonly pretrained: readonly number[];
  /** The same of the host with random weights. */
  readonly random: readonly number[];
}

/** Where a task pulls at a host before training. */
export interface GradientAnalysis {
  readonly host: string;
  readonly task: string;
  readonly batches: number;
  readonly batchSize: number;
  readonly topShares: readonly number[];
  readonly rows: readonly GradientRow[];
  /** Means over all weights, a batch an entry, so that one sees how far batches differ. */
  readonly byBatch: {
    readonly pretrained: readonly (readonly number[])[];
    readonly random: readonly (readonly number[])[];
  };
}

/** What is analysed, on which texts. */
export interface AnalyseGradientsOptions {
  readonly session: Session;
  readonly dataSeed: number;
  readonly batches: number;
  readonly batchSize: number;
  /** Called after each of the two hosts. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/**
 * How much of the gradient's norm few entries carry, in every weight matrix of the layers: pretrained, and with random weights of the same shape.
 * Errors: those of the data and of the host.
 */
export async function analyseGradients(options: AnalyseGradientsOptions): Promise<GradientAnalysis> {
  const { dataSeed, batchSize, onProgress } = options;
  const session = options.session.ofSplit(dataSeed);
  const { host } = session;
  const data = requireLabels(session.data, 'shapes of gradients');
  const examples = session.examples(data.split(dataSeed).train);
  const texts = [...labelledTexts(examples, data.objective).inOrder(batchSize)].slice(0, options.batches);
  const tensors = weightsOfLayers(host);
  const measure = (measured: Host): Promise<GradientShapes> =>
    measureShares({
      host: measured,
      tensors,
      batches: batchesOf(measured, texts),
      objective: data.objective as Objective,
      labels: data.labels,
      seed: dataSeed,
    });
  const pretrained = await measure(host);
  onProgress?.({ done: 1, total: 2 });
  const empty = await randomiseHost(host, dataSeed);
  let random: GradientShapes;
  try {
    random = await measure(empty);
  } finally {
    empty.dispose();
  }
  onProgress?.({ done: 2, total: 2 });
  return {
    host: host.spec.name,
    task: data.loaded.task.name,
    batches: texts.length,
    batchSize,
    topShares,
    rows: tensors.map(({ path, role, layer, shape }) => ({
      path,
      role: role ?? '',
      layer: layer ?? 0,
      entries: shape[0]! * shape[1]!,
      norm: mean((pretrained.get(path) ?? []).map(({ norm }) => norm)),
      pretrained: meanShares(pretrained.get(path) ?? []),
      random: meanShares(random.get(path) ?? []),
    })),
    byBatch: { pretrained: perBatch(pretrained, texts.length), random: perBatch(random, texts.length) },
  };
}

async function* batchesOf(
  host: Host,
  texts: readonly Parameters<typeof toBatch<readonly number[]>>[1][],
): AsyncGenerator<Batch> {
  for (const each of texts) {
    const batch = toBatch(host, each);
    try {
      yield batch;
    } finally {
      tf.dispose({ ...batch.inputs });
    }
  }
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

const meanShares = (shapes: readonly { readonly shares: readonly number[] }[]): number[] =>
  topShares.map((_, place) => mean(shapes.map(({ shares }) => shares[place]!)));

const perBatch = (shapes: GradientShapes, batches: number): number[][] =>
  Array.from({ length: batches }, (_, batch) =>
    meanShares([...shapes.values()].flatMap((ofTensor) => ofTensor[batch] ?? [])),
  );
