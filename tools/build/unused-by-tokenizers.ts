/**
 * What the tokenizers of `@xenova/transformers` import and never use here, and what stands for it: with it come sharp, ONNX and downloads at
 * install time. A module is left out where one of that package imports it by a name that fits.
 */
export const unusedByTokenizers: readonly (readonly [name: RegExp, contents: string])[] = [
  [/\/utils\/hub\.js$/, 'export const getModelJSON = undefined;'],
  [/\/backends\/onnx\.js$/, 'export const ONNX = { Tensor: class {} };'],
  [/^@huggingface\/jinja$/, 'export const Template = undefined;'],
];
