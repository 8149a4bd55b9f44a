import * as z from 'zod';

/** What an edge of the cell may do with its input s, all of them from width to width. */
export const operationNames = ['none', 'identity', 'linear', 'glu', 'conv3', 'conv5'] as const;
/** Name of an operation. */
export type OperationName = (typeof operationNames)[number];

const operation = z.enum(operationNames);

export const tamsConfig = z
  .strictObject({
    /** Width c of the cell. */
    width: z.int().min(1).max(65536).default(64),
    /** Inner nodes N; node n sums over n + 1 edges, from the two stems and from all nodes before it. */
    nodes: z.int().min(1).max(8).default(3),
    /** What the controller chooses from for each edge; as many columns as it has. */
    operations: z
      .array(operation)
      .min(1)
      .default([...operationNames]),
    /** Width of the controller. */
    controllerSize: z.int().min(1).max(65536).default(128),
    /** What the task's embedding is a mean over: all tokens of all texts (equation 4), or the means of its texts. */
    taskMean: z.enum(['tokens', 'texts']).default('tokens'),
    /** Temperature τ of straight-through Gumbel-Softmax in training; null: no noise and no temperature, as the authors' code has it. */
    gumbelTemperature: z.number().positive().nullable().default(null),
    /** The operation of each edge, in order: the search is over, there is no controller, and nothing else is computed. */
    architecture: z.array(operation).nullable().default(null),
    /** Numbers of the layers that get a cell, the first is 0; all if null. */
    layers: z.array(z.int().min(0)).min(1).nullable().default(null),
    /** Namespace of the parameters; another one for a second cell in a composition. */
    name: z
      .string()
      .regex(/^[a-z][a-z0-9_-]*$/)
      .default('tams'),
  })
  .refine(({ operations }) => new Set(operations).size === operations.length, {
    message: 'name each operation once',
    path: ['operations'],
  })
  .superRefine(({ architecture, operations, nodes }, context) => {
    if (architecture === null) return;
    const count = edgesOf(nodes).length;
    if (architecture.length !== count)
      context.addIssue({
        code: 'custom',
        path: ['architecture'],
        message: `names ${architecture.length} operations, a cell of ${nodes} nodes has ${count} edges`,
      });
    const other = architecture.find((name) => !operations.includes(name));
    if (other !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['architecture'],
        message: `"${other}" is none of the operations ${operations.join(', ')}`,
      });
  });
/** A validated configuration of `tams`, defaults written out. */
export type TamsConfig = z.output<typeof tamsConfig>;

/** An edge of the cell: from state `source` to state `target`, which are the stems 0 and 1 and the nodes from 2. */
export interface Edge {
  readonly source: number;
  readonly target: number;
}

/** The edges of a cell, node after node: 2 + 3 + 4 of three nodes. */
export const edgesOf = (nodes: number): Edge[] =>
  Array.from({ length: nodes }, (_, node) =>
    Array.from({ length: node + 2 }, (_, source) => ({ source, target: node + 2 })),
  ).flat();
