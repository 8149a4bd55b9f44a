import type { MethodPreset } from '@tfjs-peft/eval/methods';
import { fillPage } from './fill-page.js';

/** Where the table is, in the README of eval. */
export const presetPage = new URL('../../packages/eval/README.md', import.meta.url);

/** The page with the table of presets between `<!-- presets -->` and `<!-- /presets -->`. Errors: no such place. */
export const insertPresets = (page: string, presets: readonly MethodPreset[]): Promise<string> =>
  fillPage(page, 'presets', presetTable(presets), presetPage);

/** One row a preset; a simplex over it is named in the row of what it is over. */
function presetTable(presets: readonly MethodPreset[]): string {
  const simplexOver = ({ name }: MethodPreset) => presets.find((other) => other.name === `${name}-subspace`);
  const rows = presets
    .filter(({ name }) => !presets.some((plain) => simplexOver(plain)?.name === name))
    .map((preset) => {
      const simplex = simplexOver(preset);
      const recipe = preset.kind === 'floor' ? 'floor' : (preset.recipe ?? 'supervised');
      const cells = [
        `\`${preset.name}\``,
        simplex ? `\`${simplex.name}\`` : '',
        preset.summary,
        recipe,
        preset.train?.learningRate ?? '',
      ];
      return `| ${cells.join(' | ')} |`;
    });
  return ['| preset | under a simplex | what it is | recipe | rate |', '| - | - | - | - | - |', ...rows].join('\n');
}
