import { describe, expect, it } from '@jest/globals';
import { paragraphsOf, passagesOf, splitBooks } from './passages.js';

const printed = 'THE TITLE\r\n\r\nIt was a dark\r\nand  quiet night.\r\n\r\n"Who is there?"\r\n';

describe('passages of books', () => {
  it('begin with a byte order mark each', () => {
    expect(splitBooks('\uFEFFone\n\uFEFFtwo\uFEFF \n')).toEqual(['one\n', 'two']);
  });

  it('join printed lines to paragraphs, which blank lines part', () => {
    expect(paragraphsOf(printed)).toEqual(['THE TITLE', 'It was a dark and quiet night.', '"Who is there?"']);
  });

  it('take each line for a paragraph where lines are long', () => {
    const long = 'word '.repeat(30).trim();
    expect(paragraphsOf(`${long}\nshort\n${long}`)).toEqual([long, 'short', long]);
  });

  it('hold whole paragraphs, as many as fit, and no text is lost', () => {
    const book = ['one', 'two', 'a longer one', 'three'].join('\n\n');
    expect(passagesOf(book, 8)).toEqual(['one\ntwo', 'a longer one', 'three']);
    expect(passagesOf(book, 100)).toEqual(['one\ntwo\na longer one\nthree']);
  });
});
