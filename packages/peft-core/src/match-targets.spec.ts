import { describe, expect, it } from '@jest/globals';
import { peftErrorOf } from '../test/bad-files.js';
import { toyHost } from '../test/toy-host.js';
import type { SiteKind } from './host-spec.js';
import { matchTargets } from './match-targets.js';

const pathsOf = (patterns: string | readonly string[], kind: SiteKind = 'linear') =>
  matchTargets(toyHost, kind, patterns).map(({ path }) => path);
const bothLayers = (name: string) => [0, 1].map((layer) => `encoder.layer.${layer}.${name}`);

describe('matchTargets', () => {
  it('takes names in a list as dotted suffixes or whole paths', () => {
    expect(pathsOf(['query'])).toEqual(bothLayers('attention.self.query'));
    expect(pathsOf(['self.query'])).toEqual(bothLayers('attention.self.query'));
    expect(pathsOf(['encoder.layer.1.attention.self.query'])).toEqual(['encoder.layer.1.attention.self.query']);
    // As in HF peft, this suffix hits the attention's output too.
    expect(pathsOf(['output.dense'])).toHaveLength(4);
  });

  it('does not match half a segment or inside a path', async () => {
    for (const pattern of ['uery', 'self', 'encoder', 'Query', 'q.*y'])
      expect((await peftErrorOf(() => pathsOf([pattern]))).code).toBe('TARGET_UNMATCHED');
  });

  it('takes a single string as a regular expression for the whole path', async () => {
    expect(pathsOf('.*\\.(query|value)')).toHaveLength(4);
    expect(pathsOf('encoder\\.layer\\.0\\..*dense|pooler\\.dense')).toHaveLength(4);
    expect((await peftErrorOf(() => pathsOf('query'))).code).toBe('TARGET_UNMATCHED');
  });

  it('gives each site once, in the order of the host', () => {
    expect(pathsOf(['value', 'query', 'self.query'])).toEqual(
      [0, 1].flatMap((layer) => ['query', 'value'].map((name) => `encoder.layer.${layer}.attention.self.${name}`)),
    );
  });

  it('looks at one kind of site only', () => {
    expect(pathsOf(['attention.self'], 'attention')).toEqual(bothLayers('attention.self'));
    expect(pathsOf('encoder.*', 'hidden')).toEqual(['encoder.layer.0', 'encoder.layer.1']);
  });

  it.each([
    ['qeury', 'query'],
    ['attention.self.qeury', 'attention.self.query'],
    ['intermediate_dense', 'intermediate.dense'],
    ['encoder.layers.0.attention.self.key', 'encoder.layer.0.attention.self.key'],
  ])('refuses %s even beside a pattern that matches, and suggests %s', async (pattern, close) => {
    const error = await peftErrorOf(() => pathsOf(['query', pattern]));
    expect(error.code).toBe('TARGET_UNMATCHED');
    expect(error.message).toContain(`"${pattern}"`);
    expect(error.message).toContain('toy-bert');
    expect(error.text.expected).toContain(close);
  });

  it('shows a path where nothing is close', async () => {
    const error = await peftErrorOf(() => pathsOf(['zzzzzzzzzzz']));
    expect(error.text.expected).toContain('encoder.layer.0.attention.self.query');
    const none = await peftErrorOf(() => pathsOf(['x'], 'tensor'));
    expect(none.text.expected).toContain('(none)');
  });

  it('refuses a string that is no regular expression', async () => {
    const error = await peftErrorOf(() => pathsOf('(query'));
    expect(error.code).toBe('TARGET_PATTERN_INVALID');
    expect(error.message).toContain('(query');
  });
});
