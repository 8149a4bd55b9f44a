import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { completeMethod, expandMethod } from './complete-method.js';
import { createCatalogue, findPreset, loadPlugins } from './plugins.js';
import { builtInPresets } from './presets.js';

const catalogue = createCatalogue();

describe('presets', () => {
  it('are what their kind says, and every method builds', () => {
    for (const { name, kind, floor, method } of builtInPresets) {
      expect([name, kind === 'floor' ? floor !== undefined : method !== undefined]).toEqual([name, true]);
      if (method)
        expect(catalogue.registry.build(completeMethod(method, catalogue.registry, ['a', 'b'], 'mean')).type).toBe(
          method.type,
        );
    }
  });

  it('are found by name', () => {
    expect(findPreset(catalogue, 'head').kind).toBe('trained');
    expect(() => findPreset(catalogue, 'linear-prob')).toThrow(/did you mean "linear-probe"/);
  });
});

describe('completeMethod', () => {
  const method = {
    type: 'COMPOSE',
    config: {},
    parts: [
      { type: 'HEAD', config: {} },
      { type: 'PREFIX_TUNING', config: {} },
    ],
  };

  it('gives labels and readout to heads that have none', () => {
    expect(completeMethod(method, createCatalogue().registry, ['a'], 'cls').parts![0]!.config).toEqual({
      labels: ['a'],
      readout: 'cls',
    });
    const own = { type: 'HEAD', config: { labels: ['x'], readout: 'mean' } };
    expect(completeMethod(own, createCatalogue().registry, ['a'], 'cls').config).toEqual(own.config);
  });

  it('is undone by expandMethod, which writes defaults out', () => {
    const expanded = expandMethod(method, catalogue.registry);
    expect(expanded.parts![0]!.config).toEqual({
      readout: null,
      hidden: 'none',
      dropout: 0,
      initialStandardDeviation: 0.02,
      name: 'head',
    });
    expect(expanded.parts![1]!.config).toMatchObject({ prefixLength: 10, reparametrisation: 'mlp' });
    expect(expandMethod({ type: 'HEAD', config: { labels: ['x'] } }, catalogue.registry).config).toMatchObject({
      labels: ['x'],
    });
  });
});

describe('loadPlugins', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-peft-plugins-'));

  it('imports modules by path', async () => {
    writeFileSync(
      join(folder, 'good.mjs'),
      `export const plugin = { presets: [{ name: 'mine', summary: '', kind: 'floor', floor: 'majority' }] };`,
    );
    const plugins = await loadPlugins(['./good.mjs'], folder);
    expect(findPreset(createCatalogue(plugins), 'mine').floor).toBe('majority');
  });

  it('says what is wrong with a module', async () => {
    writeFileSync(join(folder, 'empty.mjs'), 'export const other = 1;');
    await expect(loadPlugins(['./empty.mjs'], folder)).rejects.toMatchObject({ code: 'PLUGIN_UNUSABLE' });
    await expect(loadPlugins(['./missing.mjs'], folder)).rejects.toMatchObject({ code: 'PLUGIN_UNUSABLE' });
  });
});
