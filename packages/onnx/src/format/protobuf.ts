/**
 * The part of protobuf's wire format that ONNX needs (https://protobuf.dev/programming-guides/encoding): a message is a list of fields, each a
 * tag and a value. Large values are kept as they are until the file is put together.
 */
export interface Message {
  readonly size: number;
  readonly chunks: readonly Uint8Array[];
}

const wire = { varint: 0, length: 2, fixed32: 5 } as const;

/** A message of fields in the order given. */
export const message = (...fields: readonly (Message | readonly Message[])[]): Message => join(fields.flat());

/** A whole number, signed 64 bits. */
export const integer = (field: number, value: number | bigint): Message =>
  bytesOf([...varint(tag(field, wire.varint)), ...varint(value)]);

export const float = (field: number, value: number): Message =>
  bytesOf([...varint(tag(field, wire.fixed32)), ...new Uint8Array(new Float32Array([value]).buffer)]);

export const text = (field: number, value: string): Message => bytes(field, new TextEncoder().encode(value));

export const bytes = (field: number, value: Uint8Array): Message =>
  join([
    bytesOf([...varint(tag(field, wire.length)), ...varint(value.length)]),
    { size: value.length, chunks: [value] },
  ]);

/** A message within a message. */
export const nested = (field: number, value: Message): Message =>
  join([bytesOf([...varint(tag(field, wire.length)), ...varint(value.size)]), value]);

/** Whole numbers in one packed field. */
export const integers = (field: number, values: readonly number[]): Message =>
  bytes(field, Uint8Array.from(values.flatMap((value) => varint(value))));

/** The bytes of a whole message. */
export function toBytes({ size, chunks }: Message): Uint8Array {
  const whole = new Uint8Array(size);
  chunks.reduce((at, chunk) => {
    whole.set(chunk, at);
    return at + chunk.length;
  }, 0);
  return whole;
}

const tag = (field: number, type: number): number => field * 8 + type;

/** Seven bits a byte, lowest first; negative numbers as 64-bit two's complement. */
function varint(value: number | bigint): number[] {
  let left = BigInt.asUintN(64, BigInt(value));
  const out: number[] = [];
  while (left > 0x7fn) {
    out.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  return [...out, Number(left)];
}

const bytesOf = (values: readonly number[]): Message => ({ size: values.length, chunks: [Uint8Array.from(values)] });

function join(parts: readonly Message[]): Message {
  const chunks = parts.flatMap((part) => part.chunks);
  return { size: parts.reduce((sum, { size }) => sum + size, 0), chunks };
}
