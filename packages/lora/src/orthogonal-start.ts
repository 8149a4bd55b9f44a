import { type Stream, substream } from '@tfjs-peft/peft-core';
import { normals } from '@tfjs-peft/peft-core/authoring';
import {
  fromFloat32,
  type Matrix,
  multiply,
  scaled,
  selectRows,
  toFloat32,
  transpose,
} from './linear-algebra/matrix.js';
import { thinQr } from './linear-algebra/thin-qr.js';
import type { LoraConfig } from './config.js';
import { parameterNames } from './names.js';
import type { LoraTarget } from './plan-targets.js';

/** First values by parameter name. */
export type PreparedStart = ReadonlyMap<string, Float32Array>;

/**
 * Factors of affine maps that are both random and whose product is zero (HF peft's `init_lora_weights: "orthogonal"`): with Q a random
 * orthogonal `[rank, rank]`, down = G₁ · Q₀ / 10 and up = Q₁ᵀ · G₂ / 10, where Q₀ holds its rows 0, 2, … and Q₁ its rows 1, 3, … and G is standard
 * normal. Each target draws from streams of its own. The product vanishes up to float32's rounding.
 */
export function orthogonalStart(config: LoraConfig, targets: readonly LoraTarget[], stream: Stream): PreparedStart {
  return new Map(
    targets
      .filter(({ kind }) => kind === 'linear')
      .flatMap(({ path, rank, inputSize, outputSize }) => {
        const { down, up } = parameterNames(config, path);
        const draw = (rows: number, columns: number, ...name: string[]): Matrix =>
          fromFloat32(normals(substream(stream, down, ...name), rows * columns), rows, columns);
        const { q } = thinQr(draw(rank, rank, 'orthogonal'));
        const half = rank / 2;
        const rowsFrom = (first: number) => selectRows(q, (row) => row % 2 === first);
        const downValues = multiply(draw(inputSize, half, 'down'), rowsFrom(0));
        const upValues = multiply(transpose(rowsFrom(1)), draw(half, outputSize, 'up'));
        return [
          [down, toFloat32(scaled(downValues, 0.1))],
          [up, toFloat32(scaled(upValues, 0.1))],
        ] as const;
      }),
  );
}
