import { describe, expect, it } from '@jest/globals';
import { toyHost } from '../test/toy-host.js';
import { toy } from '../test/toy-methods.js';
import { compose } from './compose.js';
import { explain, formatExplanation } from './explain.js';
import { head } from './head.js';

describe('explain', () => {
  const method = compose(toy({ name: 'toy', targets: ['query'] }), head({ labels: ['a', 'b'] }));

  it('gathers what is alike in all layers', () => {
    const { parts, counts } = explain(method, toyHost);
    expect(parts.map(({ namespaces }) => namespaces)).toEqual([['toy'], ['head']]);
    const total = parts.flatMap(({ rows }) => rows).reduce((sum, { numbers }) => sum + numbers, 0);
    expect(total).toBe(counts.effective);
    const [row] = parts[0]!.rows;
    expect(row!.site).toContain('*');
    expect(row!.layers.length).toBeGreaterThan(1);
  });

  it('reads as plain lines', () => {
    const text = formatExplanation(explain(method, toyHost));
    expect(text).toContain('trainable numbers');
    expect(text).toContain('HEAD (head) acts through readout');
    expect(text).toMatch(/layers 0(,| to) \d/);
  });
});
