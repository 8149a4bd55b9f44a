import type { KeyValuePrefix } from '@tfjs-peft/peft-core/interventions';
import { distanceBucket } from '@tfjs-peft/transformer';
import type { GraphBuilder, Value } from './graph-builder.js';
import { type DistanceValues, writeDistanceRows } from './write-distances.js';
import { type RotaryValues, writeRotary } from './write-rotary.js';
import { expandOver, inputNames, writeLinear, writeNorm, writeWeight, type Writing } from './write-maps.js';

/** States after the embeddings, and how the text lies in them. */
export interface Embedded {
  /** `[batch, virtual + tokens, hidden]` */
  readonly states: Value;
  /** `[batch, 1, 1, virtual + tokens]`: 0 for what is attended to, very negative for padding. */
  readonly mask: Value;
  /** Added to the scores of every attention, `[1, heads, tokens, tokens]`. */
  readonly bias: Value | undefined;
  readonly distances: DistanceValues | undefined;
  readonly rotary: RotaryValues | undefined;
  /** Rows of prompts before the text. */
  readonly virtual: number;
}

/** Added to scores of closed columns, as the encoder here has it. */
const closed = -1e9;

/** Whether the token types are an input: not where the host has none, or one for all. */
export const readsTokenTypes = ({ encoder }: Pick<Writing, 'encoder'>): boolean =>
  (encoder.embeddings.tokenTypes?.rows ?? 0) > 1;

/**
 * Rows of prompts, then words; plus token types (0 for virtual tokens) and positions; LayerNorm. `shift` is what prefixes add to the positions
 * of all tokens.
 */
export function writeEmbeddings(shift: number, writing: Writing): Embedded {
  const { graph, encoder, effects, numbers } = writing;
  const { words, positions, norm, projection } = encoder.embeddings;
  const { node } = graph;
  return graph.within(encoder.embeddings.path, () => {
    const prompts = effects.take('tokenPrefix').map(({ embeddings }, index) => {
      const shape = embeddings.shape.slice(-2);
      const rows = graph.floats(`prompt.${index}`, numbers.of(embeddings), [1, ...shape]);
      return { length: shape[0]!, rows: expandOver(rows, shape, inputNames.ids, graph) };
    });
    const virtual = prompts.reduce((sum, { length }) => sum + length, 0);
    const ofWords = node('Gather', [writeWeight(words.path, numbers, graph), inputNames.ids], { axis: 0 });
    const rows =
      prompts.length === 0 ? ofWords : node('Concat', [...prompts.map((prompt) => prompt.rows), ofWords], { axis: 1 });
    const typed = addTypes(rows, virtual, writing);
    const placed = positions
      ? node('Add', [
          typed,
          node('Gather', [writeWeight(positions.path, numbers, graph), writePositions(virtual, shift, writing)], {
            axis: 0,
          }),
        ])
      : typed;
    const normed = writeNorm(placed, norm, writing);
    const states = projection ? writeLinear(normed, projection.path, writing) : normed;
    return {
      states,
      mask: writeMask(virtual, graph),
      bias: writeDistanceBias(virtual, writing),
      distances: writeDistanceRows(virtual, writing),
      rotary: writeRotary(virtual, shift, writing),
      virtual,
    };
  });
}

/** Biases of scores by distance `[1, heads, tokens, tokens]`: rows of a table of all distances, which the longest text needs. */
function writeDistanceBias(virtual: number, { graph, encoder, numbers }: Writing): Value | undefined {
  const { distanceBias, usablePositions } = encoder;
  if (!distanceBias) return undefined;
  const { node, integers, floats } = graph;
  const { data } = numbers.weight(`${distanceBias.path}.weight`);
  const { size: heads, rows } = distanceBias;
  const reach = usablePositions - 1;
  const ofDistances = Float32Array.from({ length: (2 * reach + 1) * heads }, (_, place) => {
    const distance = Math.floor(place / heads) - reach;
    return data[distanceBucket(distance, rows) * heads + (place % heads)]!;
  });
  const table = floats('biases by distance', ofDistances, [2 * reach + 1, heads]);
  const tokens = node('Squeeze', [node('Shape', [inputNames.ids], { start: 1, end: 2 }), integers([0])]);
  const places = node('Range', [integers(0), node('Add', [tokens, integers(virtual)]), integers(1)]);
  const distances = node('Sub', [
    node('Unsqueeze', [places, integers([0])]),
    node('Unsqueeze', [places, integers([1])]),
  ]);
  const found = node('Gather', [table, node('Add', [distances, integers(reach)])], { axis: 0 });
  return node('Unsqueeze', [node('Transpose', [found], { perm: [2, 0, 1] }), integers([0])]);
}

function addTypes(rows: Value, virtual: number, writing: Writing): Value {
  const { graph, encoder, numbers } = writing;
  const { tokenTypes } = encoder.embeddings;
  if (!tokenTypes) return rows;
  const table = writeWeight(tokenTypes.path, numbers, graph);
  const ids = readsTokenTypes(writing) ? before(virtual, 0, inputNames.types, graph) : graph.integers([0]);
  return graph.node('Add', [rows, graph.node('Gather', [table, ids], { axis: 0 })]);
}

/** Position ids by the rule of the family. */
function writePositions(virtual: number, shift: number, { graph, encoder }: Writing): Value {
  const { node, integers } = graph;
  const { padTokenId } = encoder.config;
  const { name } = encoder.family.positions;
  switch (name) {
    case 'countFromZero': {
      const tokens = node('Squeeze', [node('Shape', [inputNames.ids], { start: 1, end: 2 }), integers([0])]);
      return node('Range', [integers(shift), node('Add', [tokens, integers(virtual + shift)]), integers(1)]);
    }
    case 'countText': {
      const isPadding = node('Equal', [inputNames.ids, integers(padTokenId)]);
      const isText = node('Cast', [node('Not', [isPadding])], { to: 7 });
      const counted = node('Add', [node('CumSum', [isText, integers(1)]), integers(shift + virtual)]);
      const ofText = node('Add', [node('Mul', [counted, isText]), integers(padTokenId)]);
      if (virtual === 0) return ofText;
      const first = padTokenId + 1 + shift;
      const ofPrompts = node('Unsqueeze', [
        integers(Array.from({ length: virtual }, (_, index) => first + index)),
        integers([0]),
      ]);
      return node('Concat', [expandOver(ofPrompts, [virtual], inputNames.ids, graph), ofText], { axis: 1 });
    }
    default:
      throw new Error(`positions by the rule ${name satisfies never}`);
  }
}

function writeMask(virtual: number, graph: GraphBuilder): Value {
  const { node, scalar, integers } = graph;
  const whole = before(virtual, 1, inputNames.mask, graph);
  const open = node('Cast', [whole], { to: 1 });
  const added = node('Mul', [node('Sub', [scalar(1), open]), scalar(closed)]);
  return node('Unsqueeze', [added, integers([1, 2])]);
}

/** `[batch, tokens]` with so many columns of one value before it. */
const before = (columns: number, value: number, x: Value, { node, integers }: GraphBuilder): Value =>
  columns === 0 ? x : node('Pad', [x, integers([0, columns, 0, 0]), integers(value)]);

/** What prefixes add to position ids: every layer that shifts does so by the same length, which the host has checked. */
export const shiftOf = (prefixes: readonly KeyValuePrefix[]): number => {
  const byPlace = new Map<string, number>();
  for (const { path, keys, positions } of prefixes)
    if (positions === 'shift') byPlace.set(path, (byPlace.get(path) ?? 0) + keys.shape.at(-2)!);
  return Math.max(0, ...byPlace.values());
};
