import { distanceRow, type EncoderLayer } from '@tfjs-peft/transformer';
import type { Value } from './graph-builder.js';
import { inputNames, writeLinear, writeNorm, writeWeight, type Writing } from './write-maps.js';

/** What disentangled attention reads in every layer. */
export interface DistanceValues {
  /** Rows for the distances from tokens - 1 down, and from 1 - tokens up, `[2 · tokens, hidden]`. */
  readonly down: Value;
  readonly up: Value;
  /** Whole numbers `[1]`: tokens, virtual ones among them, and one less. */
  readonly tokens: Value;
  readonly last: Value;
}

/** Rows of the table of distances: places of all distances are a constant, a text takes a stretch of it. */
export function writeDistanceRows(virtual: number, writing: Writing): DistanceValues | undefined {
  const { graph, encoder, numbers } = writing;
  const { distances, config, usablePositions: reach } = encoder;
  if (!distances) return undefined;
  const { node, integers } = graph;
  const options = config.options!.disentangled!;
  const table = writeWeight(distances.table.path, numbers, graph);
  const rows = distances.norm === undefined ? table : writeNorm(table, distances.norm, writing);
  const tokens = node('Add', [node('Shape', [inputNames.ids], { start: 1, end: 2 }), integers([virtual])]);
  const last = node('Sub', [tokens, integers([1])]);
  const start = node('Sub', [integers([reach]), last]);
  const end = node('Add', [start, node('Add', [tokens, tokens])]);
  const along = (sign: 1 | -1) => {
    const places = Array.from({ length: 2 * reach + 1 }, (_, index) => distanceRow(sign * (index - reach), options));
    return node('Gather', [rows, node('Slice', [integers(places), start, end, integers([0])])], { axis: 0 });
  };
  return { down: along(-1), up: along(1), tokens, last };
}

/** Scores by distance of one layer, `[batch, heads, tokens, tokens]`; queries are scaled already, keys `[batch, heads, tokens, size]` not. */
export function writeDistanceScores(
  queries: Value,
  keys: Value,
  values: DistanceValues,
  { distanceMaps: { key, query } }: EncoderLayer,
  writing: Writing,
): Value | undefined {
  const { node, integers, scalar } = writing.graph;
  const { hiddenSize, numAttentionHeads: heads, options } = writing.encoder.config;
  const size = hiddenSize / heads;
  const scale = 1 / Math.sqrt(size * (1 + options!.disentangled!.parts.length));
  const project = (rows: Value, path: string) =>
    node('Transpose', [node('Reshape', [writeLinear(rows, path, writing), integers([-1, heads, size])])], {
      perm: [1, 2, 0],
    });
  const { down, up, tokens, last } = values;
  /** Row i of `[…, tokens, 2 · tokens]` moved to the left by `tokens - 1 - i`, cut to `tokens` columns. */
  const shift = (x: Value) => {
    const flat = node('Reshape', [x, integers([0, 0, -1])]);
    const width = node('Add', [tokens, last]);
    const stop = node('Add', [last, node('Mul', [tokens, width])]);
    const cut = node('Slice', [flat, last, stop, integers([2])]);
    const rows = node('Reshape', [cut, node('Concat', [integers([0, 0]), tokens, width], { axis: 0 })]);
    return node('Slice', [rows, integers([0]), tokens, integers([3])]);
  };
  const toKeys = key && shift(node('MatMul', [queries, project(down, key.path)]));
  const toQueries =
    query &&
    node('Transpose', [shift(node('MatMul', [node('Mul', [keys, scalar(scale)]), project(up, query.path)]))], {
      perm: [0, 1, 3, 2],
    });
  return toKeys && toQueries ? node('Add', [toKeys, toQueries]) : (toKeys ?? toQueries);
}
