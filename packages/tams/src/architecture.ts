import { foldMethod, type Host, type HostInputs, type Parameters, type PeftMethod } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { edgesOf, type OperationName, type TamsConfig } from './config.js';
import { choiceScores, isTams, tams, taskBufferOf } from './tams.js';
import { taskEmbedding } from './task-embedding.js';

/** The chosen operation of each edge, by the namespace of the method. */
export type Architectures = ReadonlyMap<string, readonly OperationName[]>;

/** All methods that search an architecture in a composition or a simplex. */
const searching = (method: PeftMethod): PeftMethod<TamsConfig>[] =>
  method.parts
    ? method.parts.flatMap(searching)
    : isTams(method) && method.config.architecture === null
      ? [method]
      : [];

/** The architectures that the controllers of a method choose, those of a simplex at its midpoint. Nothing is disposed. */
export async function chosenArchitectures(method: PeftMethod, effective: Parameters): Promise<Architectures> {
  const chosen = new Map<string, readonly OperationName[]>();
  for (const { config } of searching(method)) {
    const columns = tf.tidy(() => choiceScores(config, foldMethod(method, effective).effective).argMax(1));
    try {
      chosen.set(
        config.name,
        [...(await columns.data())].map((column) => config.operations[column]!),
      );
    } finally {
      columns.dispose();
    }
  }
  return chosen;
}

/**
 * The method with the architectures for good: no controller, and only the chosen operations are computed. Its parameters are among those of the method,
 * under the same names. Errors: `CONFIG_INVALID` for an architecture of another cell.
 */
export function withArchitectures(method: PeftMethod, architectures: Architectures): PeftMethod {
  if (method.parts && method.withParts)
    return method.withParts(method.parts.map((part) => withArchitectures(part, architectures)));
  const architecture = isTams(method) ? architectures.get(method.config.name) : undefined;
  return isTams(method) && architecture ? tams({ ...method.config, architecture: [...architecture] }) : method;
}

/** The buffers of a method that describe a task, from its texts: none but for a search. Call inside `tf.tidy`, or dispose them. */
export const taskBuffers = (method: PeftMethod, host: Host, inputs: HostInputs): Parameters =>
  new Map(
    searching(method).map(
      ({ config }) => [taskBufferOf(config), taskEmbedding(host, inputs, config.taskMean)] as const,
    ),
  );

/** Names of the parameters that choose: an inner loop of meta-learning leaves them alone. */
export const controllerNames = (method: PeftMethod): string[] =>
  searching(method).map(({ config }) => `${config.name}.controller`);

const stateName = (state: number): string => (state < 2 ? `stem${state}` : `node${state - 1}`);

/** An architecture as lines of text, a node a line: `node1 = linear(stem0) + conv3(stem1)`. */
export function describeArchitecture(architecture: readonly OperationName[], nodes: number): string {
  const edges = edgesOf(nodes);
  const lines = Array.from({ length: nodes }, (_, node) => {
    const terms = edges.flatMap(({ source, target }, edge) =>
      target === node + 2 && architecture[edge] !== 'none' ? [`${architecture[edge]!}(${stateName(source)})`] : [],
    );
    return `${stateName(node + 2)} = ${terms.length > 0 ? terms.join(' + ') : '0'}`;
  });
  const all = Array.from({ length: nodes }, (_, node) => stateName(node + 2));
  return [...lines, `output = mean(${all.join(', ')})`].join('\n');
}
