import { describe, expect, it } from '@jest/globals';
import { toyHost } from '../../test/toy-host.js';
import { headMissing, takeHead } from './head-tensors.js';

const array = { shape: [1], data: new Float32Array(1) };

describe('takeHead', () => {
  it('parts the head from the rest', () => {
    const { head, rest } = takeHead(
      new Map([
        ['base_model.classifier.weight', array],
        ['prompt_embeddings', array],
        ['base_model.classifier.bias', array],
      ]),
      toyHost,
      'f',
    );
    expect(head).toEqual(
      new Map([
        ['classifier.weight', array],
        ['classifier.bias', array],
      ]),
    );
    expect([...rest.keys()]).toEqual(['prompt_embeddings']);
  });

  it('leaves other tensors whose names end alike', () => {
    expect(takeHead(new Map([['x.classifier.weight', array]]), toyHost, 'f').rest.size).toBe(1);
  });
});

describe('headMissing', () => {
  it('names the known defect only where it can be the cause', () => {
    expect(headMissing('f', true, undefined).message).toContain('0.15.0 to 0.16.0');
    expect(headMissing('f', true, '0.18.0').message).not.toContain('0.15.0');
    expect(headMissing('f', false, undefined).message).not.toContain('0.15.0');
  });
});
