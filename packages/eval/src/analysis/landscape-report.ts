import type { TopLevelSpec } from 'vega-lite';
import { alignColumns } from '../report/align-columns.js';
import { htmlPage } from '../report/html-page.js';
import { plotSection } from '../report/html-sections.js';
import { htmlTable } from '../report/html-table.js';
import { plotColours, plotConfig } from '../report/plot-theme.js';
import { renderSvg } from '../report/render-svg.js';
import type { Landscape } from './measure-landscape.js';

const pointTitle = (coefficients: readonly number[]): string => {
  const vertex = coefficients.findIndex((value) => Math.abs(value - 1) < 1e-9);
  if (vertex >= 0) return `vertex ${vertex}`;
  return isMidpoint(coefficients) ? 'midpoint' : coefficients.map((value) => value.toFixed(2)).join(' ');
};

const isMidpoint = (coefficients: readonly number[]) =>
  coefficients.every((value) => Math.abs(value - 1 / coefficients.length) < 1e-9);

const numbers = ({ loss, headline }: { readonly loss: number; readonly headline: number }) => [
  headline.toFixed(2),
  loss.toFixed(4),
];

const pointRows = ({ points }: Landscape) => points.map((point) => [pointTitle(point.coefficients), ...numbers(point)]);

/** A line a radius: mean, smallest and largest metric over the directions, mean loss. */
function noiseRows({ noise }: Landscape): string[][] {
  return [...new Set(noise.map(({ radius }) => radius))].map((radius) => {
    const own = noise.filter((value) => value.radius === radius);
    const headlines = own.map(({ headline }) => headline);
    return [
      radius === 0 ? 'none' : String(radius),
      mean(headlines).toFixed(2),
      Math.min(...headlines).toFixed(2),
      Math.max(...headlines).toFixed(2),
      mean(own.map(({ loss }) => loss)).toFixed(4),
    ];
  });
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const pointColumns = ({ headlineMetric }: Landscape) => ['point', headlineMetric, 'loss'];
const noiseColumns = ({ headlineMetric }: Landscape) => [
  'noise, share of the norm',
  headlineMetric,
  'least',
  'most',
  'loss',
];

function geometryLine({ geometry }: Landscape): string | null {
  if (!geometry) return null;
  const { meanSquaredCosine, rootMeanSquaredDistance, midpointNorm, vertexNorm } = geometry;
  return `Vertices: mean squared cosine ${meanSquaredCosine.toFixed(4)}, distance ${rootMeanSquaredDistance.toFixed(2)}; norm ${vertexNorm.toFixed(2)}, of the midpoint ${midpointNorm.toFixed(2)}.`;
}

/** The tables for a terminal. */
export function formatLandscape(landscape: Landscape): string {
  const { folder, task, testSet, rows, vertices } = landscape;
  const parts = [`${folder} on ${task}, ${rows} texts of ${testSet}`];
  const geometry = geometryLine(landscape);
  if (vertices > 0) parts.push(alignColumns([pointColumns(landscape), ...pointRows(landscape)]));
  if (geometry) parts.push(geometry);
  parts.push(alignColumns([noiseColumns(landscape), ...noiseRows(landscape)]));
  return parts.join('\n\n');
}

/** A self-contained page: the simplex and the noise as pictures and tables. Loads nothing and runs no script. */
export async function landscapeReport(landscape: Landscape): Promise<string> {
  const { task, testSet, rows, vertices, headlineMetric } = landscape;
  const caption = `${rows} texts of ${testSet}`;
  const sections: string[] = [];
  if (vertices > 0) {
    const spec = vertices === 2 ? lineSpec(landscape) : vertices === 3 ? triangleSpec(landscape) : edgesSpec(landscape);
    const svg = await renderSvg(spec, 'simplex', `${headlineMetric} over the simplex`);
    const text = `${caption}. Each point is one set of parameters; none was trained on these texts.`;
    sections.push(plotSection('simplex', 'Over the simplex', svg, text));
  }
  const geometry = geometryLine(landscape);
  if (geometry) sections.push(`<p>${geometry}</p>`);
  const noise = await renderSvg(noiseSpec(landscape), 'noise', `${headlineMetric} with noise on the parameters`);
  sections.push(
    plotSection(
      'noise',
      'Around what is deployed',
      noise,
      `${caption}. Each tensor gets a Gaussian direction of this share of its norm; a dot a direction, the line is their mean.`,
    ),
  );
  const tables = [
    ...(vertices > 0
      ? [
          `<section aria-labelledby="points"><h2 id="points">Points of the simplex</h2>${htmlTable(caption, pointColumns(landscape), pointRows(landscape))}</section>`,
        ]
      : []),
    `<section aria-labelledby="directions"><h2 id="directions">Noise</h2>${htmlTable(caption, noiseColumns(landscape), noiseRows(landscape))}</section>`,
  ];
  return htmlPage({
    title: `What lies around an adapter for ${task}`,
    body: [...sections, ...tables].join('\n'),
    data: landscape,
  });
}

const base = { $schema: 'https://vega.github.io/schema/vega-lite/v6.json', config: plotConfig, padding: 12 } as const;
const metricScale = { zero: false, nice: true } as const;

/** Metric and loss along the line through two vertices. */
function lineSpec({ points, headlineMetric }: Landscape): TopLevelSpec {
  const values = points
    .map(({ coefficients, headline, loss }) => ({ place: coefficients[1]!, headline, loss }))
    .sort((a, b) => a.place - b.place);
  const panel = (field: 'headline' | 'loss', title: string, colour: string) => ({
    width: 300,
    height: 200,
    mark: { type: 'line', point: true, strokeWidth: 2, color: colour },
    encoding: {
      x: {
        field: 'place',
        type: 'quantitative',
        axis: { title: 'from vertex 0 (at 0) to vertex 1 (at 1)', values: [0, 0.5, 1] },
      },
      y: { field, type: 'quantitative', scale: metricScale, axis: { title, tickCount: 5 } },
    },
  });
  return {
    ...base,
    data: { values },
    hconcat: [panel('headline', headlineMetric, plotColours.method0), panel('loss', 'loss', plotColours.method1)],
  } as unknown as TopLevelSpec;
}

/** Three vertices as the corners of a triangle, a dot a point. */
function triangleSpec({ points, headlineMetric }: Landscape): TopLevelSpec {
  const values = points.map(({ coefficients: [first, second, third], headline }) => ({
    x: second! + third! / 2,
    y: (Math.sqrt(3) / 2) * third!,
    headline,
    text: headline.toFixed(1),
    corner: [first, second, third].some((value) => Math.abs(value! - 1) < 1e-9)
      ? `vertex ${[first, second, third].findIndex((value) => Math.abs(value! - 1) < 1e-9)}`
      : '',
  }));
  const place = {
    x: { field: 'x', type: 'quantitative', axis: null, scale: { domain: [-0.1, 1.1] } },
    y: { field: 'y', type: 'quantitative', axis: null, scale: { domain: [-0.15, 1] } },
  };
  return {
    ...base,
    width: 460,
    height: 400,
    data: { values },
    layer: [
      {
        mark: { type: 'circle', size: 700, opacity: 1 },
        encoding: {
          ...place,
          color: {
            field: 'headline',
            type: 'quantitative',
            scale: { range: [plotColours.grid, plotColours.method0], zero: false },
            legend: { title: headlineMetric },
          },
        },
      },
      {
        mark: { type: 'text', color: plotColours.text, fontSize: 10 },
        encoding: { ...place, text: { field: 'text' } },
      },
      {
        mark: { type: 'text', color: plotColours.muted, dy: 26 },
        encoding: { ...place, text: { field: 'corner' } },
      },
    ],
  } as unknown as TopLevelSpec;
}

/** Vertices, edges and midpoint by their rank: many vertices have no picture in the plane. */
function edgesSpec({ points, headlineMetric }: Landscape): TopLevelSpec {
  const kindOf = (coefficients: readonly number[]) => {
    if (isMidpoint(coefficients)) return 'midpoint';
    return coefficients.some((value) => value === 1) ? 'vertices' : 'edges';
  };
  const values = points.map(({ coefficients, headline }) => ({ kind: kindOf(coefficients), headline }));
  return {
    ...base,
    width: 460,
    height: 140,
    data: { values },
    mark: { type: 'tick', thickness: 2, color: plotColours.method0 },
    encoding: {
      x: { field: 'headline', type: 'quantitative', scale: metricScale, axis: { title: headlineMetric } },
      y: { field: 'kind', type: 'nominal', sort: ['vertices', 'edges', 'midpoint'], axis: { title: null } },
    },
  } as unknown as TopLevelSpec;
}

function noiseSpec({ noise, headlineMetric }: Landscape): TopLevelSpec {
  const encoding = {
    x: { field: 'radius', type: 'quantitative', axis: { title: 'noise, share of the norm of each tensor' } },
    y: { field: 'headline', type: 'quantitative', scale: metricScale, axis: { title: headlineMetric, tickCount: 5 } },
  };
  return {
    ...base,
    width: 460,
    height: 220,
    data: { values: noise },
    layer: [
      { mark: { type: 'circle', size: 50, color: plotColours.method0, opacity: 0.6 }, encoding },
      {
        mark: { type: 'line', strokeWidth: 2, color: plotColours.method0 },
        encoding: { ...encoding, y: { ...encoding.y, aggregate: 'mean' } },
      },
    ],
  } as unknown as TopLevelSpec;
}
