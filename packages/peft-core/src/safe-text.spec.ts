import { describe, expect, it } from '@jest/globals';
import { PeftError } from './errors.js';
import { limitWarnings, messageLimit, printable, shorten } from './safe-text.js';

describe('text from files', () => {
  it('is printable in messages, whatever it holds', () => {
    expect(printable('a\u001b[31m\u009b\u2028b\u202ec')).toBe('a [31m b c');
    const { message } = new PeftError('CODE', { found: 'key "\u001b]0;title\u0007"', fix: 'a\nb' });
    expect(message).toBe('key " ]0;title ". To fix: a b.');
  });
  it('is of bounded length', () => {
    expect(shorten('short')).toBe('short');
    expect(shorten('x'.repeat(messageLimit))).toHaveLength(messageLimit);
    const error = new PeftError('CODE', { found: `begin${'x'.repeat(14e6)}end`, expected: 'y'.repeat(1e6) });
    expect(error.message.length).toBeLessThan(3 * messageLimit);
    expect(error.message).toMatch(/^begin.*\[\d+ characters left out\].*end\. Expected: y/);
    expect(error.text.found.length).toBeLessThan(2 * messageLimit);
  });
});

describe('limitWarnings', () => {
  it('passes on the first ones and says that there are more', () => {
    const seen: string[] = [];
    const warn = limitWarnings((text) => seen.push(text), 3);
    for (let index = 0; index < 60_000; index++) warn(`warning ${index}\u001b`);
    expect(seen).toEqual(['warning 0 ', 'warning 1 ', 'warning 2  (more warnings of this kind are not shown)']);
  });
});
