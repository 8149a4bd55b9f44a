import type { GraphBuilder, Value } from './graph-builder.js';
import { inputNames, type Writing } from './write-maps.js';

/** Cosines and sines `[tokens, headSize]`. */
interface AngleValues {
  readonly cosines: Value;
  readonly sines: Value;
}

/** By layer; layers that are alike share values. */
export interface RotaryValues {
  readonly angles: readonly AngleValues[];
  /** `[tokens, tokens]`: very negative for keys out of sight. */
  readonly windows: readonly (Value | undefined)[];
}

/** Added to scores of closed columns, as the encoder here has it. */
const closed = -1e9;

/** Rotary positions of a text after `virtual` rows, all moved by `shift`. */
export function writeRotary(virtual: number, shift: number, { graph, encoder }: Writing): RotaryValues | undefined {
  const { rotary } = encoder.config.options ?? {};
  if (!rotary) return undefined;
  const { node, integers, scalar, floats } = graph;
  const { hiddenSize, numAttentionHeads } = encoder.config;
  const half = hiddenSize / numAttentionHeads / 2;
  const tokens = node('Squeeze', [node('Shape', [inputNames.ids], { start: 1, end: 2 }), integers([0])]);
  const end = node('Add', [tokens, integers(virtual + shift)]);
  const places = node('Cast', [node('Range', [integers(shift), end, integers(1)])], { to: 1 });
  const [rows, columns] = [node('Unsqueeze', [places, integers([1])]), node('Unsqueeze', [places, integers([0])])];
  const angles = new Map<number, AngleValues>();
  const windows = new Map<number, Value>();
  for (const { base, window } of rotary) {
    if (!angles.has(base)) {
      const frequencies = Float32Array.from({ length: half }, (_, i) => 1 / base ** (i / half));
      const turned = node('Mul', [rows, floats(`rotary ${base}`, frequencies, [1, half])]);
      const both = node('Concat', [turned, turned], { axis: 1 });
      angles.set(base, { cosines: node('Cos', [both]), sines: node('Sin', [both]) });
    }
    if (window !== undefined && !windows.has(window)) {
      const distance = node('Abs', [node('Sub', [rows, columns])]);
      const isFar = node('Cast', [node('Greater', [distance, scalar(window)])], { to: 1 });
      windows.set(window, node('Mul', [isFar, scalar(closed)]));
    }
  }
  return {
    angles: rotary.map(({ base }) => angles.get(base)!),
    windows: rotary.map(({ window }) => (window === undefined ? undefined : windows.get(window))),
  };
}

/** Each pair of numbers of x `[batch, heads, tokens, headSize]` turned by its angle; pairs are half a head apart. */
export function writeRotation(x: Value, { cosines, sines }: AngleValues, headSize: number, graph: GraphBuilder): Value {
  const { node, integers } = graph;
  const half = headSize / 2;
  const part = (start: number) => node('Slice', [x, integers([start]), integers([start + half]), integers([-1])]);
  const across = node('Concat', [node('Neg', [part(half)]), part(0)], { axis: -1 });
  return node('Add', [node('Mul', [x, cosines]), node('Mul', [across, sines])]);
}
