import type { TopLevelSpec } from 'vega-lite';
import { printable } from '@tfjs-peft/peft-core/authoring';
import { escapeHtml } from './printable.js';

/**
 * Renders a Vega-Lite specification to SVG without a browser or a canvas. vega (27 packages, ESM only) is imported on first use. Plots carry
 * their data; nothing is loaded from anywhere. `idPrefix` keeps the clip paths of two plots in one page apart.
 */
export async function renderSvg(spec: TopLevelSpec, idPrefix: string, label: string): Promise<string> {
  const vega = await import('vega');
  const vegaLite = await import('vega-lite');
  const view = new vega.View(vega.parse(vegaLite.compile(withoutLineBreaks(spec)).spec), {
    renderer: 'none',
    logLevel: vega.Error,
    loader: { load: refuse, sanitize: refuse, http: refuse, file: refuse },
  });
  try {
    const svg = await view.toSVG();
    return printable(svg)
      .replace(/(\bid="|url\(#)(clip|gradient)/g, `$1${idPrefix}-$2`)
      .replace('<svg ', `<svg role="img" aria-label="${escapeHtml(label)}" `);
  } finally {
    view.finalize();
  }
}

/** Names become parts of vega's expressions, where a line separator ends a text. */
const withoutLineBreaks = (spec: TopLevelSpec): TopLevelSpec =>
  JSON.parse(JSON.stringify(spec), (_, value: unknown) =>
    typeof value === 'string' ? printable(value) : value,
  ) as TopLevelSpec;

const refuse = (): Promise<never> => Promise.reject(new Error('plots load nothing'));
