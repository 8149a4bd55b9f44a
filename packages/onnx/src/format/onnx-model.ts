import { bytes, float, integer, integers, type Message, message, nested, text, toBytes } from './protobuf.js';

/** Types of elements as ONNX numbers them. */
export const elementTypes = { float: 1, int64: 7, float16: 10 } as const;
type ElementType = keyof typeof elementTypes;

/** A constant: raw numbers, little-endian. */
export interface TensorConstant {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint16Array | BigInt64Array;
}

/** An attribute of a node: numbers are integers but for the names that say otherwise. */
export type Attributes = Readonly<Record<string, number | readonly number[] | { readonly float: number }>>;

/** One operation. */
export interface GraphNode {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** An input or output: fixed lengths as numbers, free ones by name. */
export interface GraphValue {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly constants: readonly TensorConstant[];
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
}

/** What the oldest runtime in use, ONNX Runtime 1.14, reads. */
const irVersion = 8;
const opset = 17;

/** The bytes of a model (onnx.proto of ONNX 1.13: ModelProto). */
export const writeOnnxModel = (graph: OnnxGraph, metadata: Readonly<Record<string, string>> = {}): Uint8Array =>
  toBytes(
    message(
      integer(1, irVersion),
      text(2, 'tfjs-peft'),
      nested(7, writeGraph(graph)),
      nested(8, message(text(1, ''), integer(2, opset))),
      Object.entries(metadata).map(([key, value]) => nested(14, message(text(1, key), text(2, value)))),
    ),
  );

const writeGraph = ({ name, nodes, constants, inputs, outputs }: OnnxGraph): Message =>
  message(
    nodes.map((node) => nested(1, writeNode(node))),
    text(2, name),
    constants.map((constant) => nested(5, writeTensor(constant))),
    inputs.map((value) => nested(11, writeValue(value))),
    outputs.map((value) => nested(12, writeValue(value))),
  );

const writeNode = ({ op, name, inputs, outputs, attributes }: GraphNode): Message =>
  message(
    inputs.map((input) => text(1, input)),
    outputs.map((output) => text(2, output)),
    text(3, name),
    text(4, op),
    Object.entries(attributes).map(([key, value]) => nested(5, writeAttribute(key, value))),
  );

/** Types of attributes: FLOAT 1, INT 2, INTS 7. */
function writeAttribute(name: string, value: Attributes[string]): Message {
  if (typeof value === 'number') return message(text(1, name), integer(3, value), integer(20, 2));
  if ('float' in value) return message(text(1, name), float(2, value.float), integer(20, 1));
  return message(text(1, name), integers(8, value), integer(20, 7));
}

const writeTensor = ({ name, type, shape, data }: TensorConstant): Message =>
  message(
    integers(1, shape),
    integer(2, elementTypes[type]),
    text(8, name),
    bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );

const writeValue = ({ name, type, shape }: GraphValue): Message =>
  message(
    text(1, name),
    nested(
      2,
      message(
        nested(
          1,
          message(
            integer(1, elementTypes[type]),
            nested(
              2,
              message(
                shape.map((length) => nested(1, typeof length === 'number' ? integer(1, length) : text(2, length))),
              ),
            ),
          ),
        ),
      ),
    ),
  );
