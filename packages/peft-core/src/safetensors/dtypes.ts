/** Bits of one number, for every dtype of the safetensors format; those of floats below a byte lie side by side. */
const bitSizes = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  F64: 64,
  I64: 64,
  U64: 64,
  C64: 64,
} as const;

/** A number format of safetensors: `F32`, `BF16`, `I64`, … */
export type Dtype = keyof typeof bitSizes;

/** All number formats that a header may name. */
export const dtypes = Object.keys(bitSizes) as readonly Dtype[];

export const isDtype = (value: unknown): value is Dtype => typeof value === 'string' && Object.hasOwn(bitSizes, value);
/** Bytes of one number; a part of one for floats below a byte. */
export const bytesOf = (dtype: Dtype): number => bitSizes[dtype] / 8;
