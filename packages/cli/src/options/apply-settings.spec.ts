import { describe, expect, it } from '@jest/globals';
import { applySettings } from './apply-settings.js';
import { experimentKeys } from './known-keys.js';

const any = () => null;
const set = (...settings: string[]) => applySettings({}, settings, any);

describe('applySettings', () => {
  it('types values as YAML does', () => {
    expect(
      set('a=1', 'b=1e-4', 'c=true', 'd=null', 'e=text', 'f=[1, 2]', 'g="7"', 'h=', 'i=x=y', 'j={k: 0.5}'),
    ).toEqual({
      a: 1,
      b: 1e-4,
      c: true,
      d: null,
      e: 'text',
      f: [1, 2],
      g: '7',
      h: '',
      i: 'x=y',
      j: { k: 0.5 },
    });
  });
  it('reaches into nested keys, keeps their neighbours and lets the last one win', () => {
    const config = { train: { steps: 5, validation: { draws: 10 } } };
    expect(applySettings(config, ['train.validation.draws=3', 'train.steps=7', 'train.steps=8'], any)).toEqual({
      train: { steps: 8, validation: { draws: 3 } },
    });
    expect(config.train.steps).toBe(5);
  });
  it('knows the keys of an experiment, those without a default among them', () => {
    const apply = (setting: string) => applySettings({}, [setting], experimentKeys);
    for (const setting of [
      'name=x',
      'train.learningRate=1e-4',
      'train.validation.draws=2',
      'data.shots=50',
      'model.revision=main',
      'data.file.regression=true',
      'seeds.data=[1]',
      'train.evaluateEvery.minSteps=5',
    ])
      expect(() => apply(setting)).not.toThrow();
  });
  it.each([
    ['train.learningrate=1', 'did you mean "train.learningRate"'],
    ['data.shot=1', 'did you mean "data.shots"'],
    ['trian.steps=1', 'did you mean "train"'],
    ['train.validation.drawz=1', 'did you mean "train.validation.draws"'],
    ['data.shots.more=1', 'nothing below "data.shots"'],
  ])('refuses the unknown key in %s with the nearest known one', (setting, hint) => {
    expect(() => applySettings({}, [setting], experimentKeys)).toThrow(hint);
  });
  it.each(['steps', '=5', 'a..b=1', '__proto__.x=1', 'a b=1', 'a=[1', 'a="'])('refuses "%s"', (setting) => {
    expect(() => set(setting)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
  it('refuses to look below a plain value', () => {
    expect(() => applySettings({ a: 5 }, ['a.b=1'], any)).toThrow('"a" is 5');
  });
});
