import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import type { MethodDefinition } from '@tfjs-peft/peft-core/authoring';
import { completeMethod, expandMethod } from './complete-method.js';
import { loadGivenPlugins, loadPlugins, nameFromFolder, nameFromHere, resolvePlugins } from './load-plugins.js';
import { createCatalogue, findPreset } from './plugins.js';
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

  it('have presets that are whole: what a method leaves out is filled in, anything else is told', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'plugins-'));
    const write = (name: string, presets: string) =>
      writeFileSync(join(folder, name), `export const plugin = { presets: ${presets} };`);
    write(
      'short.mjs',
      `[{ name: 'mine', summary: '', kind: 'trained', method: { type: 'COMPOSE', parts: [{ type: 'LORA' }, { type: 'HEAD' }] } }]`,
    );
    const own = createCatalogue(await loadPlugins(['./short.mjs'], folder));
    const { method } = findPreset(own, 'mine');
    expect(expandMethod(method!, own.registry).parts!.map(({ type }) => type)).toEqual(['LORA', 'HEAD']);
    for (const [presets, found] of [
      [`[{ name: 'mine', kind: 'trained', method: { config: {} } }]`, /preset "mine": method\.type/],
      [`[{ name: 'mine', kind: 'ceiling' }]`, /preset "mine": kind/],
      ['[null]', /preset null/],
    ] as const) {
      write(`wrong-${found.source.length}.mjs`, presets);
      await expect(loadPlugins([`./wrong-${found.source.length}.mjs`], folder)).rejects.toMatchObject({
        code: 'PLUGIN_UNUSABLE',
        message: expect.stringMatching(found),
      });
    }
  });

  it('finds packages from the folder that names them, without importing anything', async () => {
    const installed = join(folder, 'node_modules', 'my-plugin');
    mkdirSync(installed, { recursive: true });
    writeFileSync(
      join(installed, 'package.json'),
      JSON.stringify({ name: 'my-plugin', type: 'module', exports: { import: './main.js' } }),
    );
    writeFileSync(join(installed, 'main.js'), 'throw new Error("imported");');
    const [found] = await resolvePlugins(['my-plugin', 'my-plugin'], join(folder, 'below'));
    expect(found).toEqual({ name: 'my-plugin', url: pathToFileURL(join(installed, 'main.js')).href });
    await expect(resolvePlugins(['my-plugin'], tmpdir())).rejects.toMatchObject({ code: 'PLUGIN_UNUSABLE' });
  });

  it.each(['data:text/javascript,export const plugin = {}', 'https://host/plugin.js', 'node:fs'])(
    'imports no URL: %s',
    async (name) => {
      await expect(loadPlugins([name], folder)).rejects.toThrow(/is a URL/);
    },
  );

  it('names paths from another folder', () => {
    const module = { name: './good.mjs', url: pathToFileURL(join(folder, 'good.mjs')).href };
    expect(nameFromFolder(module, join(folder, 'runs', 'x'))).toBe('../../good.mjs');
    expect(nameFromHere('../../good.mjs', join(folder, 'runs', 'x'))).toBe(relative('.', join(folder, 'good.mjs')));
    expect(nameFromHere('my-plugin', folder)).toBe('my-plugin');
  });

  it('takes a module once that both a configuration and a command name', async () => {
    const { modules, plugins } = await loadGivenPlugins([join(folder, 'good.mjs'), { presets: [] }], {
      names: ['./good.mjs'],
      directory: folder,
    });
    expect(modules).toHaveLength(1);
    expect(plugins).toHaveLength(2);
  });
});

describe('createCatalogue', () => {
  const [prefix] = builtInPresets;
  const definition = { type: 'MINE', config: undefined, create: undefined } as unknown as MethodDefinition;

  it('refuses two methods of one type, and says which plugins they come from', () => {
    const plugins = [
      { name: './a.mjs', methods: [definition] },
      { name: 'b', methods: [{ ...definition }] },
    ];
    expect(() => createCatalogue(plugins)).toThrow(
      'two methods of type "MINE", from plugin "./a.mjs" and from plugin "b"',
    );
    expect(() => createCatalogue([{ methods: [{ ...definition, type: 'LORA' }] }])).toThrow(
      'from tfjs-peft itself and from plugin 1',
    );
    expect(createCatalogue([plugins[0]!, plugins[0]!]).registry.definitions.has('MINE')).toBe(true);
  });

  it('refuses a preset in place of another', () => {
    const plugin = { name: 'b', presets: [{ ...prefix!, summary: 'another' }] };
    expect(() => createCatalogue([plugin])).toThrow(
      `two presets called "${prefix!.name}", from tfjs-peft itself and from plugin "b"`,
    );
  });
});
