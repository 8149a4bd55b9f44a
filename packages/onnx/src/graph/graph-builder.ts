import { type Attributes, elementTypes, type GraphNode, type TensorConstant } from '../format/onnx-model.js';

/** The name of a value in a graph. */
export type Value = string;

/** How the numbers of a constant are kept, given its name. Errors: `TENSOR_NOT_NARROWABLE` where F16 cannot hold them. */
export type StoreFloats = (
  data: Float32Array,
  name: string,
) => {
  readonly type: 'float' | 'float16';
  readonly data: Float32Array | Uint16Array;
};

/** A graph under construction: every call adds nodes or constants and gives the name of a value. */
export interface GraphBuilder {
  /** An operation with one result, which gets a name of its own if none is given. */
  node(op: string, inputs: readonly Value[], attributes?: Attributes, output?: Value): Value;
  /** Numbers `[...shape]` under a name of their own, always F32. */
  floats(name: string, data: Float32Array, shape: readonly number[]): Value;
  /** The same, stored as the function says and widened in the graph, once however often they are asked for. */
  weights(name: string, data: Float32Array, shape: readonly number[], store: StoreFloats): Value;
  /** One number. */
  scalar(value: number): Value;
  /** Whole numbers as a list, or one alone. */
  integers(values: readonly number[] | number): Value;
  /** Names the nodes that `build` adds after a place of the model. */
  within<Result>(scope: string, build: () => Result): Result;
  readonly nodes: readonly GraphNode[];
  readonly constants: readonly TensorConstant[];
}

export function createGraphBuilder(): GraphBuilder {
  const nodes: GraphNode[] = [];
  const constants: TensorConstant[] = [];
  const known = new Set<string>();
  const widened = new Map<string, Value>();
  let scope = '';
  let count = 0;
  const once = (name: string, make: () => TensorConstant): Value => {
    if (!known.has(name)) constants.push(make());
    known.add(name);
    return name;
  };
  const node = (op: string, inputs: readonly Value[], attributes: Attributes = {}, output?: Value): Value => {
    const name = `${scope}/${op}_${count++}`;
    nodes.push({ op, name, inputs, outputs: [output ?? name], attributes });
    return output ?? name;
  };
  const floats = (name: string, data: Float32Array, shape: readonly number[]) =>
    once(name, () => ({ name, type: 'float', shape, data }));
  return {
    node,
    floats,
    weights(name, data, shape, store) {
      const before = widened.get(name);
      if (before !== undefined) return before;
      const stored = store(data, name);
      constants.push({ name, type: stored.type, shape, data: stored.data });
      const value = stored.type === 'float' ? name : node('Cast', [name], { to: elementTypes.float });
      widened.set(name, value);
      return value;
    },
    scalar: (value) => floats(`scalar ${value}`, Float32Array.of(value), []),
    integers: (values) =>
      once(`integers ${JSON.stringify(values)}`, () => ({
        name: `integers ${JSON.stringify(values)}`,
        type: 'int64',
        shape: typeof values === 'number' ? [] : [values.length],
        data: BigInt64Array.from([values].flat(), BigInt),
      })),
    within(inner, build) {
      const outer = scope;
      scope = `${outer}/${inner}`;
      try {
        return build();
      } finally {
        scope = outer;
      }
    },
    nodes,
    constants,
  };
}
