import { isDeepStrictEqual } from 'node:util';
import { parseJsonStrict } from '@tfjs-peft/peft-core/files';
import { oneFile, type Reader, textOf, WrongValue } from '../reader.js';

/** Strict JSON: whatever it accepts is what `JSON.parse` makes of the same text. */
export const strictJson: Reader = {
  name: 'strict-json',
  open: async () => ({
    seeds: [
      '{"peft_type":"LORA","r":8,"target_modules":["query","value"],"bias":null,"nested":{"a":[1,2.5,-3e7,true]}}',
      '[[[[["deep"]]]],{"\\u0061":"\\ud83d\\ude00 \\n","b":{"a":{}}}]',
      '"text"',
      '{}',
    ].map((text) => oneFile(text)),
    words: ['\\u0061', '\\ud800', '1e400', '-0', '"a":', '__proto__', '/*', '0x1'],
    read(files) {
      const input = files.get('input')!;
      const value = parseJsonStrict(input, 'input.json');
      if (!isDeepStrictEqual(value, JSON.parse(textOf(files)))) throw new WrongValue('other than JSON.parse');
    },
  }),
};
