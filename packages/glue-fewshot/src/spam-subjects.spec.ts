import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { cleanSubject, distinctSubjects } from './clean-subject.js';
import { decodeEncodedWords, decodeSubject, headerEnd } from './decode-subject.js';
import { labelsOf, majorityBaseline } from './evaluate-metrics.js';
import { spamSubjects } from './spam-subjects.js';
import { splitTask } from './split-task.js';
import { createTaskRegistry, loadTask } from './task-registry.js';

const bytes = (binary: string) => Uint8Array.from(binary, (character) => character.charCodeAt(0));

describe('subjects of e-mails', () => {
  it('come from the header block alone, unfolded', () => {
    const mail = 'From x\nX-Subject: no\nSUBJECT: one\n two\r\n\tthree\nTo: y\n\nSubject: body\n';
    expect(decodeSubject(bytes(mail))).toBe('one two three');
    expect(decodeSubject(bytes('To: y\n\nSubject: body\n'))).toBe('');
    expect(decodeSubject(bytes('To: y\r\nSubject: cut off'))).toBe('cut off');
    expect([headerEnd(bytes('a\nb\n\nc')), headerEnd(bytes('a\r\n\r\nc')), headerEnd(bytes('a\nb\n'))]).toEqual([
      3, 2, -1,
    ]);
  });

  it('decode RFC 2047 words in Q and B and many charsets', () => {
    const cases: [string, string][] = [
      ['=?iso-8859-1?Q?caf=E9_=5Bx=5D?=', 'café [x]'],
      ['=?ISO-8859-15?q?5_=A4?=', '5 €'],
      ['=?windows-1252?Q?it=92s=99?=', 'it’s™'],
      ['=?iso-8859-1?Q?it=92s?=', 'it’s'],
      ['=?utf-8?B?w6Tigqzwn5iA?=', 'ä€😀'],
      ['=?utf-8?B?w6TigqzwnyA?= x', 'ä€\ufffd  x'],
      ['=?gb2312?B?w8DFrs28xqw=?=', '美女图片'],
      ['=?ks_c_5601-1987?B?saSw7Q==?=', '광고'],
      ['=?big5?Q?=B4M=A7=E4=BE=F7=B7|?=', '尋找機會'],
      ['=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?iso-2022-jp?B?GyRCOGwbKEI=?=', '日本語'],
      ['=?us-ascii?Q?a?= =?us-ascii?Q?b?=\t=?us-ascii?Q?c?=', 'abc'],
      ['a =?us-ascii*en?Q?b?= c', 'a b c'],
      ['=?no-such-charset?Q?b?= c', '=?no-such-charset?Q?b?= c'],
      ['2 =? 3 ?= 5', '2 =? 3 ?= 5'],
    ];
    for (const [text, expected] of cases) expect(decodeEncodedWords(text)).toBe(expected);
  });

  it('read raw 8-bit text in the declared charset, else as UTF-8, else as windows-1252', () => {
    const mail = (subject: string, type: string) =>
      decodeSubject(bytes(`Subject: ${subject}\nContent-Type: ${type}\n\n`));
    expect(mail('\xb1\xa4\xb0\xed', 'text/html; charset="ks_c_5601-1987"')).toBe('광고');
    expect(mail('\xc2\xa380m', 'text/plain')).toBe('£80m');
    expect(mail('\xa380m', 'text/plain; charset=utf-8')).toBe('£80m');
    expect(mail('\x8049', 'text/plain')).toBe('€49');
  });

  it('lose reply, forward and list marks in any order', () => {
    const cases: [string, string][] = [
      ['Re: [ILUG] Fwd: RE: the  point', 'the point'],
      ['[Razor-users] Re[2]: FW: RE^3: (fwd) x', '(fwd) x'],
      ['AW: SV: WG: hello (fwd)', 'hello'],
      ['Re: Re:', ''],
      ['[ILUG]', ''],
      ['Regarding: you', 'Regarding: you'],
      ['ADV: [very cheap] x', 'ADV: [very cheap] x'],
      ['[fwd: an error in a bracket]', '[fwd: an error in a bracket]'],
      ['re:', ''],
      ['Re : spaced', 'spaced'],
    ];
    for (const [subject, expected] of cases) expect(cleanSubject(subject)).toBe(expected);
  });

  it('are kept once, and not when empty', () => {
    const list = ['Re: Hello', 'hello', 'Re:', 'Bye'].map((text, i) => ({ text, label: i % 2 }));
    expect(distinctSubjects(list)).toEqual([
      { text: 'Hello', label: 0 },
      { text: 'Bye', label: 1 },
    ]);
  });
});

describe('the embedded task', () => {
  it('has 3,738 distinct subjects, 44.4 % of them spam, with fixed and disjoint test rows', async () => {
    const loaded = await loadTask(createTaskRegistry([spamSubjects]), 'spam-subjects');
    const test = loaded.tests[0]!.rows;
    const all = [...loaded.train, ...test];
    expect([loaded.train.length, test.length]).toEqual([2738, 1000]);
    expect(labelsOf(all).filter(Boolean)).toHaveLength(1659);
    expect(new Set(all.map(({ texts }) => texts[0]!.toLowerCase())).size).toBe(3738);
    expect(all.filter(({ texts }) => /^(re|fwd?):|^\s*$|=\?/i.test(texts[0]!))).toEqual([]);
    expect(all.map(({ texts }) => texts[0])).toContain('Robbie Williams signs £80m deal');
    expect(all.map(({ texts }) => texts[0])).toContain('尋找機會');
    expect(majorityBaseline(loaded.task, labelsOf(loaded.train), labelsOf(test)).headline).toBeCloseTo(56.3, 5);
    const digest = createHash('sha256')
      .update(JSON.stringify([loaded.train, test]))
      .digest('hex');
    expect(digest).toBe('74aa72bafda7ae19abf911b7eae8ba3a80212455cf73d6829de1e9e08c3a0494');
    expect(splitTask(loaded, { k: 100, dataSeed: 42 }).trainRows).toHaveLength(100);
  });
});
