import { describe, expect, it } from '@jest/globals';
import { fakeIo } from '../test/fake-io.js';
import { jsonLine, oneSafeLine, safeLines, withSafeOutput } from './safe-output.js';

const hostile = 'a\u001b[2J\u009b31m\u202eb\u2028c\r';

describe('what a command prints', () => {
  it('keeps lines and tabs and loses whatever steers a terminal', () => {
    expect(safeLines(`${hostile}\n\td`)).toBe('a [2J 31m b c \n\td');
    const { io, texts } = fakeIo();
    const safe = withSafeOutput(io);
    safe.out(hostile);
    safe.err(hostile);
    expect(texts).toEqual({ out: 'a [2J 31m b c ', err: 'a [2J 31m b c ' });
  });
  it('is one short line where it must be', () => {
    expect(oneSafeLine('a\n\nb')).toBe('a b');
    expect(oneSafeLine(`begin${'x'.repeat(14e6)}end`).length).toBeLessThan(8000);
    expect(oneSafeLine(`begin${'x'.repeat(14e6)}end`)).toMatch(/^begin.*end$/);
  });
  it('as JSON is the same value', () => {
    expect(JSON.parse(jsonLine({ [hostile]: hostile }))).toEqual({ [hostile]: hostile });
    // eslint-disable-next-line no-control-regex -- control characters are the subject
    expect(jsonLine(hostile)).toMatch(/^[^\u0000-\u0009\u007f-\u009f\u2028\u202e]*\n$/);
  });
});
