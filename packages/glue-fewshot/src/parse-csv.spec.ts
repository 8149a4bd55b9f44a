import { describe, expect, it } from '@jest/globals';
import { errorOf } from '../test/error-of.js';
import { parseCsv } from './parse-csv.js';

const linesOf = (...lines: readonly string[]) => parseCsv(lines.join(''), 't.csv').lines;
const messageOf = async (text: string) => (await errorOf(() => parseCsv(text, 't.csv'))).message;

describe('the line of a CSV record', () => {
  it.each([
    ['\\n', '\n'],
    ['\\r\\n', '\r\n'],
    ['\\r', '\r'],
  ])('is its first one, blank lines and line breaks inside of quotes counted: %s', (_, end) => {
    const rows = ['text,label', '"a', '', 'b",x', '', 'c,y', '', '', '"d', 'e","x', 'y"', 'f,z'];
    expect(linesOf(rows.join(end))).toEqual([2, 6, 9, 12]);
    expect(linesOf(rows.join(end), end, end)).toEqual([2, 6, 9, 12]);
    expect(linesOf(end, rows.join(end))).toEqual([3, 7, 10, 13]);
    expect(linesOf('\ufeff', rows.join(end))).toEqual([2, 6, 9, 12]);
  });

  it('is right where line ends are mixed', () => {
    expect(linesOf('text,label\n', 'a,x\r\n', '"b\r\nc",y\n', 'd,z\r\n', 'e,z')).toEqual([2, 3, 5, 6]);
  });

  it.each([
    ['\n', '\r\n'],
    ['\r\n', '\n'],
  ])('ends in %j after a header that ends in %j, and its cells hold neither', (ofHeader, ofRows) => {
    const table = parseCsv(`text,label${ofHeader}a,bad${ofRows}"b\r\n""c""",good${ofRows}`, 't.csv');
    expect([0, 1].map((row) => [0, 1].map((column) => table.cell(row, column)))).toEqual([
      ['a', 'bad'],
      ['b\r\n"c"', 'good'],
    ]);
  });

  it('is the one that errors name', async () => {
    expect(await messageOf('text,label\n"a\nb",x\n"c\nd",y,z\ne,f\n')).toMatch(/t\.csv: line 4 has 3 fields/);
    expect(await messageOf('text,label\n"a\nb",x\n\n\n"c,y\nd,z\ne,f\n')).toMatch(
      /t\.csv: line 6: Quote Not Closed: the parsing is finished with an opening quote\./,
    );
    expect(await messageOf('text,label\r\n"a\r\nb",x\r\nc"d,y\r\n')).toMatch(
      /t\.csv: line 4: Invalid Opening Quote: a quote is found on field 0, value is/,
    );
  });
});
