import { describe, expect, it } from '@jest/globals';
import { parseDataSeeds, parseTrainSeeds } from './parse-seeds.js';

describe('parseDataSeeds', () => {
  it('takes a number as how many of the usual seeds', () => {
    expect(parseDataSeeds('3')).toEqual([13, 21, 42]);
    expect(parseDataSeeds('5')).toEqual([13, 21, 42, 87, 100]);
  });
  it('takes a list as it is', () => {
    expect(parseDataSeeds('13,21')).toEqual([13, 21]);
    expect(parseDataSeeds('7, 0')).toEqual([7, 0]);
    expect(parseDataSeeds('13,')).toEqual([13]);
  });
  it('says how to ask for one seed', () => {
    expect(() => parseDataSeeds('13')).toThrow('for the one seed 13 write --seed 13');
    expect(() => parseDataSeeds('0')).toThrow('--seeds 0');
  });
  it('refuses what is no number', () => {
    for (const text of ['x', '1.5', '-1', '13,x', '99999999999'])
      expect(() => parseDataSeeds(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('parseTrainSeeds', () => {
  it('counts from 0, or takes a list', () => {
    expect(parseTrainSeeds('2')).toEqual([0, 1]);
    expect(parseTrainSeeds('3,7')).toEqual([3, 7]);
    expect(() => parseTrainSeeds('0')).toThrow('--train-seeds 0');
  });
});
