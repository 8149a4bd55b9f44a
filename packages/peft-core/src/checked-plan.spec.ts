import { describe, expect, it } from '@jest/globals';
import { toyHost } from '../test/toy-host.js';
import { compose } from './compose.js';
import { PeftError } from './errors.js';
import type { PeftMethod } from './method.js';

const method = (plan: PeftMethod['plan']): PeftMethod => ({
  type: 'OWN',
  config: {},
  namespaces: ['own'],
  plan,
  intervene: () => [],
});
const planned = (plan: PeftMethod['plan']) => () => compose(method(plan)).plan(toyHost);

describe('a part whose plan is at fault', () => {
  it('is named, and what it threw is kept', () => {
    const bug = new TypeError('x is undefined');
    const attempt = planned(() => {
      throw bug;
    });
    expect(attempt).toThrow(expect.objectContaining({ code: 'PLAN_FAULTY', cause: bug }));
    expect(attempt).toThrow(/plan of OWN "own" throws "x is undefined"/);
  });
  it('throws its own errors as they are', () => {
    const own = new PeftError('SITE_MISSING', { found: 'nothing here' });
    expect(
      planned(() => {
        throw own;
      }),
    ).toThrow(own);
  });
  it('must say how a parameter may differ between examples', () => {
    const attempt = planned(() => ({ raw: [], effective: [{ name: 'own.a', shape: [2] } as never] }));
    expect(attempt).toThrow(/perExample undefined for the effective parameter "own.a" of OWN/);
  });
});
