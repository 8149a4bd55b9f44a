import type { Config } from 'vega-lite';

/** Colours of the plots. The HTML report swaps each for a CSS variable of the same key, so that one SVG serves light and dark. */
export const plotColours = {
  background: '#fefefe',
  text: '#24292e',
  muted: '#6a737c',
  grid: '#e4e7ea',
  floor: '#868e96',
  method0: '#0b6fb8',
  method1: '#d1570a',
  method2: '#0a8f69',
  method3: '#b4568f',
  method4: '#b88a00',
  method5: '#5f55c4',
} as const;

export const methodColours: readonly string[] = [
  plotColours.method0,
  plotColours.method1,
  plotColours.method2,
  plotColours.method3,
  plotColours.method4,
  plotColours.method5,
];

const dashes: readonly (readonly number[])[] = [
  [1, 0],
  [6, 3],
  [2, 2],
  [8, 2, 2, 2],
];

/** How lines of methods differ: colours, and dashes where there are more methods than colours. */
export function methodScales(methods: readonly string[]) {
  const range = <Value>(values: readonly Value[], every: number) =>
    methods.map((_, index) => values[Math.floor(index / every) % values.length]!);
  return {
    color: { domain: [...methods], range: range(methodColours, 1) },
    strokeDash: { domain: [...methods], range: range(dashes, methodColours.length).map((dash) => [...dash]) },
  };
}

const font = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** Fonts, lines and colours of all plots. */
export const plotConfig: Config = {
  font,
  background: plotColours.background,
  view: { stroke: null },
  // The whole plot is one image with a label; naming every mark again would triple the file.
  aria: false,
  axis: {
    labelColor: plotColours.text,
    titleColor: plotColours.muted,
    titleFontWeight: 'normal',
    titleFontSize: 12,
    labelFontSize: 12,
    gridColor: plotColours.grid,
    domain: false,
    ticks: false,
    labelPadding: 8,
    titlePadding: 10,
  },
  header: { labelColor: plotColours.text, labelFontSize: 12, labelFontWeight: 600, titleColor: plotColours.muted },
  legend: {
    labelColor: plotColours.text,
    titleColor: plotColours.muted,
    titleFontWeight: 'normal',
    labelFontSize: 12,
    labelLimit: 320,
    titleFontSize: 12,
    orient: 'top',
    symbolStrokeWidth: 2.5,
  },
};
