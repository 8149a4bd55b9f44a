import { edgesOf, type OperationName } from './config.js';

const colours: Readonly<Record<OperationName, string>> = {
  none: '#bbbbbb',
  identity: '#666666',
  linear: '#4477aa',
  glu: '#228833',
  conv3: '#ccbb44',
  conv5: '#ee6677',
};
const [gap, top, row] = [150, 60, 34];

/** An architecture as an SVG picture: stems and nodes in a row, an arc for each edge with its operation; edges of `none` are left out. */
export function drawArchitecture(architecture: readonly OperationName[], nodes: number, title = 'TAMS cell'): string {
  const states = nodes + 2;
  const edges = edgesOf(nodes)
    .map((edge, index) => ({ ...edge, operation: architecture[index]! }))
    .filter(({ operation }) => operation !== 'none');
  const width = gap * (states + 1);
  const reach = states - 1;
  const middle = top + row * reach;
  const x = (state: number) => gap / 2 + gap * state;
  const arcs = edges.map(({ source, target, operation }) => {
    // Longer edges lie higher; those of the first stem above, all others below, so that few of them meet.
    const height = (source === 0 ? -1 : 1) * row * 1.4 * (target - source);
    const [from, to] = [x(source), x(target)];
    const centre = (from + to) / 2;
    return `<path d="M${from},${middle} Q${centre},${middle + height} ${to},${middle}" fill="none" stroke="${colours[operation]}" stroke-width="2" marker-end="url(#arrow)"/><text x="${centre}" y="${middle + height / 2 - 4}" fill="${colours[operation]}">${operation}</text>`;
  });
  const boxes = Array.from({ length: states + 1 }, (_, state) => {
    const name = state < 2 ? `stem${state}` : state < states ? `node${state - 1}` : 'mean';
    return `<rect x="${x(state) - 32}" y="${middle - 14}" width="64" height="28" rx="6" fill="#ffffff" stroke="#333333"/><text x="${x(state)}" y="${middle + 5}" fill="#333333">${name}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${escapeXml(title)}" viewBox="0 0 ${width} ${middle * 2}" font-family="sans-serif" font-size="13" text-anchor="middle"><title>${escapeXml(title)}</title><defs><marker id="arrow" viewBox="0 0 10 10" refX="40" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="#333333"/></marker></defs>${arcs.join('')}${boxes.join('')}</svg>\n`;
}

const escapeXml = (text: string): string => text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
