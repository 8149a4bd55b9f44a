/** A dense matrix in double precision, row by row: entry (i, j) is `data[i · columns + j]`. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

export const matrix = (
  rows: number,
  columns: number,
  data: Float64Array = new Float64Array(rows * columns),
): Matrix => ({
  rows,
  columns,
  data,
});

export const fromFloat32 = (data: Float32Array, rows: number, columns: number): Matrix =>
  matrix(rows, columns, Float64Array.from(data));

export const toFloat32 = ({ data }: Matrix): Float32Array => Float32Array.from(data);

export const scaled = ({ rows, columns, data }: Matrix, factor: number): Matrix =>
  matrix(
    rows,
    columns,
    data.map((value) => value * factor),
  );

export function transpose({ rows, columns, data }: Matrix): Matrix {
  const out = matrix(columns, rows);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out.data[j * rows + i] = data[i * columns + j]!;
  return out;
}

/** `a · b` */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const out = matrix(a.rows, b.columns);
  for (let i = 0; i < a.rows; i++) {
    const row = out.data.subarray(i * b.columns, (i + 1) * b.columns);
    for (let k = 0; k < a.columns; k++) {
      const factor = a.data[i * a.columns + k]!;
      if (factor === 0) continue;
      const other = k * b.columns;
      for (let j = 0; j < b.columns; j++) row[j]! += factor * b.data[other + j]!;
    }
  }
  return out;
}

/** The matrices side by side; all have the same number of rows. */
export function besides(parts: readonly Matrix[]): Matrix {
  const [first] = parts;
  const columns = parts.reduce((sum, part) => sum + part.columns, 0);
  const out = matrix(first!.rows, columns);
  let offset = 0;
  for (const part of parts) {
    for (let i = 0; i < part.rows; i++)
      out.data.set(part.data.subarray(i * part.columns, (i + 1) * part.columns), i * columns + offset);
    offset += part.columns;
  }
  return out;
}

/** The matrices one below the other; all have the same number of columns. */
export function stacked(parts: readonly Matrix[]): Matrix {
  const [first] = parts;
  const out = matrix(
    parts.reduce((sum, part) => sum + part.rows, 0),
    first!.columns,
  );
  let offset = 0;
  for (const { data } of parts) {
    out.data.set(data, offset);
    offset += data.length;
  }
  return out;
}

/** The rows whose index passes, in order. */
export function selectRows({ rows, columns, data }: Matrix, passes: (row: number) => boolean): Matrix {
  const kept = Array.from({ length: rows }, (_, row) => row).filter(passes);
  const out = matrix(kept.length, columns);
  kept.forEach((row, index) => out.data.set(data.subarray(row * columns, (row + 1) * columns), index * columns));
  return out;
}

/** The first `count` columns. */
export function firstColumns({ rows, columns, data }: Matrix, count: number): Matrix {
  const out = matrix(rows, count);
  for (let i = 0; i < rows; i++) out.data.set(data.subarray(i * columns, i * columns + count), i * count);
  return out;
}

/** Euclidean norm; numbers that once were float32 cannot overflow in it. */
export function norm(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}
