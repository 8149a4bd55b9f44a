/** Float32 bits of each of the 65,536 half floats, made on first use: one look-up a number is the fastest exact way in JavaScript. */
let widened: Uint32Array | undefined;

/** IEEE half floats (as 16-bit words) to float32, exactly: subnormals, infinities and NaN payloads included. */
export function widenF16(halves: Uint16Array): Float32Array {
  const table = (widened ??= Uint32Array.from({ length: 65536 }, (_, half) => widenHalf(half)));
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = table[halves[i]!]!;
  return new Float32Array(bits.buffer);
}

/** bfloat16 (as 16-bit words) to float32, exactly: the upper half of the same bits. */
export function widenBF16(words: Uint16Array): Float32Array {
  const bits = new Uint32Array(words.length);
  for (let i = 0; i < words.length; i++) bits[i] = words[i]! << 16;
  return new Float32Array(bits.buffer);
}

/** float32 to half floats, rounded to nearest, ties to even. Finite numbers from 65520 on become infinite. */
export function narrowF16(values: Float32Array): Uint16Array {
  const bits = bitsOf(values);
  return Uint16Array.from(bits, narrowHalf);
}

/** float32 to bfloat16, rounded to nearest, ties to even. */
export function narrowBF16(values: Float32Array): Uint16Array {
  return Uint16Array.from(bitsOf(values), (bits) =>
    (bits & 0x7fffffff) > 0x7f800000 ? (bits >>> 16) | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16,
  );
}

const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

function widenHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 31) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  // Subnormal, mantissa · 2^-24: shift its leading bit out to where a normal number has it implied.
  const shift = Math.clz32(mantissa) - 21;
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13);
}

function narrowHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13);
  if (magnitude < 0x33000000) return sign;
  // Subnormal result: value · 2^24 as an integer. Adding 2^52 rounds a double to an integer, ties to even.
  const scaled = ((magnitude & 0x7fffff) | 0x800000) * 2 ** ((magnitude >>> 23) - 126);
  return sign | (scaled + 2 ** 52 - 2 ** 52);
}
