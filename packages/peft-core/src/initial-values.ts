import { PeftError } from './errors.js';
import type { NamedArray } from './parameters.js';
import { type BufferSpec, type InitialLaw, type ParameterPlan, sizeOf } from './plan.js';
import { createStream, normals, type Stream, substream, uniforms } from './random-stream.js';

/**
 * First values of all raw parameters and buffers of a plan. Each comes from a stream of its own, keyed by (seed, name): independent of order, of the
 * backend and of which other parameters exist. Errors: `INITIAL_VALUES_MISSHAPEN`; `METHOD_UNPREPARED` for values that only `prepare` can give.
 */
export const initialValues = (plan: ParameterPlan, seed: Stream): Map<string, NamedArray> =>
  new Map([
    ...plan.raw.map(({ name, shape, initial, stream }): [string, NamedArray] => [
      name,
      { shape, data: drawInitial(initial, shape, substream(seed, stream ?? name), name) },
    ]),
    ...(plan.buffers ?? []).map((buffer): [string, NamedArray] => [buffer.name, drawBuffer(buffer, seed)]),
  ]);

/** The buffers that no file holds, since a seed of the method's gives them. */
export const seededBuffers = ({ buffers = [] }: ParameterPlan): Map<string, NamedArray> =>
  new Map(
    buffers
      .filter(({ seed }) => seed !== undefined)
      .map((buffer) => [buffer.name, drawBuffer(buffer, createStream(buffer.seed!))]),
  );

/** A buffer from its own seed if it has one, else from the run's. */
function drawBuffer({ name, shape, dtype, initial, seed }: BufferSpec, run: Stream): NamedArray {
  const stream = substream(seed === undefined ? run : createStream(seed), name);
  const data = drawInitial(initial, shape, stream, name);
  return { shape, data: dtype === 'int32' ? Int32Array.from(data) : Float32Array.from(data) };
}

function drawInitial(
  law: InitialLaw,
  shape: readonly number[],
  stream: Stream,
  name: string,
): Float32Array | Int32Array {
  const size = sizeOf(shape);
  switch (law.kind) {
    case 'constant':
      return new Float32Array(size).fill(law.value);
    case 'normal':
      return normals(stream, size).map((z) => (law.mean ?? 0) + law.standardDeviation * z);
    case 'uniform':
      return uniforms(stream, size).map((u) => law.low + (law.high - law.low) * u);
    case 'given':
      if (law.values.length === size) return law.values.slice();
      throw new PeftError('INITIAL_VALUES_MISSHAPEN', {
        found: `${law.values.length} initial values for "${name}"`,
        expected: `${size} for its shape [${shape.join(', ')}]`,
      });
    case 'unprepared':
      throw new PeftError('METHOD_UNPREPARED', {
        found: `initial values of "${name}" before its method was prepared on this host`,
        expected: 'the method that `prepare` gives, which knows them',
        fix: 'call `await method.prepare(host, preparation)` and plan with the result; `train` does so by itself',
      });
  }
}
