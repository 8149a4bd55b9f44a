/** Bytes of one number, for every dtype of the safetensors format that is made of whole bytes. */
const byteSizes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
  C64: 8,
} as const;

export type Dtype = keyof typeof byteSizes;
export const dtypes = Object.keys(byteSizes) as readonly Dtype[];

export const isDtype = (value: unknown): value is Dtype => typeof value === 'string' && Object.hasOwn(byteSizes, value);
export const bytesOf = (dtype: Dtype): number => byteSizes[dtype];
