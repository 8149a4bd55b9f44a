import { describe, expect, it } from '@jest/globals';
import { describeLoadFailure } from './describe-load-failure.js';

const name = '@tensorflow/tfjs-node';

describe('describeLoadFailure', () => {
  it.each([
    [
      Object.assign(new Error(`Cannot find package '${name}' imported from x`), { code: 'ERR_MODULE_NOT_FOUND' }),
      'is not installed',
    ],
    [
      new Error('The Node.js native addon module (tfjs_binding.node) can not be found at path: x. \nPlease'),
      'native part',
    ],
    [new Error('libtensorflow_cc.so.2: cannot open shared object file\nmore'), 'libtensorflow_cc.so.2: cannot open'],
    // A package that is there, but lacks one of its own dependencies.
    [
      Object.assign(new Error("Cannot find module 'adm-zip'"), { code: 'MODULE_NOT_FOUND' }),
      "Cannot find module 'adm-zip'",
    ],
  ])('%s', (error, why) => {
    const found = describeLoadFailure(name, error, '`cure`');
    expect(found.usable).toBe(false);
    expect(found.why).toContain(why);
    expect(found.why).not.toContain('\n');
    expect(found.fix).toContain('`cure`');
  });
});
