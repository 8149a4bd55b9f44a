import { describeMethod, type Host, type HostSpec, PeftError, type PeftMethod, substream } from '@tfjs-peft/peft-core';
import type { Preparation } from '@tfjs-peft/peft-core/authoring';

/** One concrete method a vertex, each with a stream and a start of its own. Errors: `VERTICES_DIFFER`, and those of the method. */
export async function prepareVertices(
  method: PeftMethod,
  vertices: number,
  host: Host,
  preparation: Preparation,
): Promise<PeftMethod[]> {
  const starts: PeftMethod[] = [];
  for (let vertex = 0; vertex < vertices; vertex++) {
    // As for names: the first vertex starts where the method alone would.
    const stream = vertex === 0 ? preparation.stream : substream(preparation.stream, 'vertex', vertex);
    starts.push((await method.prepare?.(host, { ...preparation, stream, vertex })) ?? method);
  }
  requireSamePlans(starts, host.spec);
  return starts;
}

/** Vertices are mixed number by number: only first values may differ. Errors: `VERTICES_DIFFER`. */
function requireSamePlans(starts: readonly PeftMethod[], host: HostSpec): void {
  const shapeOf = (method: PeftMethod) => {
    const { raw, effective, buffers } = method.plan(host);
    return JSON.stringify([
      describeMethod(method),
      raw.map(({ name, shape }) => [name, shape]),
      effective,
      buffers ?? [],
    ]);
  };
  const first = shapeOf(starts[0]!);
  const other = starts.findIndex((start, vertex) => vertex > 0 && shapeOf(start) !== first);
  if (other < 0) return;
  throw new PeftError('VERTICES_DIFFER', {
    found: `${starts[0]!.type} prepared vertex ${other} with another configuration, other names, shapes, sites or buffers than vertex 0`,
    expected: 'vertices that differ in their initial values alone',
    fix: 'let `prepare` choose configuration and buffers from the data and the `shared` stream alone',
  });
}
