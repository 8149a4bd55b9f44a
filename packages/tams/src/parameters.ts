import type { InitialLaw, ParameterSpec } from '@tfjs-peft/peft-core/authoring';
import { edgesOf, type OperationName, type TamsConfig } from './config.js';

/** A parameter by the rest of its name. */
export type Part = Omit<ParameterSpec, 'name'> & { readonly key: string };

const zero: InitialLaw = { kind: 'constant', value: 0 };
/** torch's law of affine maps. */
const uniform = (inputs: number): InitialLaw => ({
  kind: 'uniform',
  low: -1 / Math.sqrt(inputs),
  high: 1 / Math.sqrt(inputs),
});

const affine = (key: string, inputs: number, outputs: number, start = uniform(inputs)): Part[] => [
  { key: `${key}.weight`, shape: [inputs, outputs], initial: start },
  { key: `${key}.bias`, shape: [outputs], initial: zero },
];

/** Tokens that an operation sees around each. */
export const kernelOf: Readonly<Record<OperationName, number>> = {
  none: 0,
  identity: 1,
  linear: 1,
  glu: 1,
  conv3: 3,
  conv5: 5,
};

/** The parameters of an operation: c² + c of `linear`, twice that of `glu`, k c² + c of a convolution over k tokens. */
function operationParts(key: string, operation: OperationName, width: number): Part[] {
  if (operation === 'none' || operation === 'identity') return [];
  return affine(`${key}.${operation}`, kernelOf[operation] * width, operation === 'glu' ? 2 * width : width);
}

/** The operations that an edge computes: all that are left to choose from, or the chosen one. */
export const operationsOfEdge = ({ architecture, operations }: TamsConfig, edge: number): readonly OperationName[] =>
  architecture ? [architecture[edge]!] : operations;

/** Name of the parameters of an edge. */
export const edgeKey = (edge: number): string => `edge${edge}`;

/** The parameters of one cell at states of a size d: two stems, the operations of all edges, and the map back, which starts at zero. */
export function cellParts(config: TamsConfig, size: number): Part[] {
  const { width, nodes } = config;
  return [
    ...affine('stem0', size, width),
    ...affine('stem1', size, width),
    ...edgesOf(nodes).flatMap((_, edge) =>
      operationsOfEdge(config, edge).flatMap((operation) => operationParts(edgeKey(edge), operation, width)),
    ),
    ...affine('final', width, size, zero),
  ];
}

/** The parameters of the controller, which all layers share; none once an architecture is chosen. */
export function controllerParts({ architecture, controllerSize, nodes, operations }: TamsConfig, size: number): Part[] {
  if (architecture !== null) return [];
  return [
    ...affine('controller.hidden', size, controllerSize),
    ...affine('controller.output', controllerSize, edgesOf(nodes).length * operations.length),
  ];
}
