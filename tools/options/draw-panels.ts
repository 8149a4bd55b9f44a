import { plotConfig, renderSvg } from '@tfjs-peft/eval/report';
import type { TopLevelSpec } from 'vega-lite';

/** Lines over x in panels, three a row, each point with its range from `low` to `high`. */
export interface Panels {
  readonly values: readonly object[];
  /** Field that tells the panels apart, and their order; that of the values for null. */
  readonly facet: { readonly field: string; readonly sort: readonly string[] | null };
  /** Encodings of Vega-Lite; `y` without its field. */
  readonly x: object;
  readonly y: object;
  readonly color: object;
  /** Field of a point's height. */
  readonly middle: string;
  /** Axes that each panel has of its own. */
  readonly scales: object;
  readonly height: number;
}

/** The panels as SVG; `name` keeps its ids apart from those of other pictures, `label` is read aloud. */
export function drawPanels(panels: Panels, name: string, label: string): Promise<string> {
  const { values, facet, x, y, color, middle, scales, height } = panels;
  const spec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: plotConfig,
    padding: 12,
    data: { values },
    columns: 3,
    facet: { ...facet, type: 'nominal', header: { title: null } },
    resolve: { scale: scales },
    spec: {
      width: 260,
      height,
      layer: [
        {
          mark: { type: 'rule', opacity: 0.5 },
          encoding: { x, color, y: { ...y, field: 'low' }, y2: { field: 'high' } },
        },
        { mark: { type: 'line', point: true, strokeWidth: 2 }, encoding: { x, color, y: { ...y, field: middle } } },
      ],
    },
  };
  return renderSvg(spec as unknown as TopLevelSpec, name, label);
}
