/** A figure, the numbers behind it, and what it shows. */
export interface GridFigure {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly svg: string;
  readonly rows: readonly Readonly<Record<string, string | number>>[];
}

/** What Vega-Lite reads the pictures by. */
export const schema = 'https://vega.github.io/schema/vega-lite/v6.json';
