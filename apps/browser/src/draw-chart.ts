/** One point of a curve. */
export interface Point {
  readonly step: number;
  readonly value: number;
}

const [width, height, margin] = [640, 220, 34];

/** Loss of the training batches and accuracy on the held-out rows, over the steps, as SVG. Only numbers go into it. */
export function drawChart(losses: readonly Point[], scores: readonly Point[], steps: number): string {
  const top = losses.reduce((most, { value }) => Math.max(most, value), 1e-3);
  const x = (step: number) => margin + (step / steps) * (width - 2 * margin);
  const y = (share: number) => height - margin + share * (2 * margin - height);
  const curve = (points: readonly Point[], largest: number) =>
    points.map(({ step, value }) => `${x(step).toFixed(1)},${y(value / largest).toFixed(1)}`).join(' ');
  const said = [last('loss', losses, 3), last('accuracy in percent', scores, 1)].filter(Boolean).join(', ');
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${said}">
    <line class="axis" x1="${margin}" x2="${width - margin}" y1="${y(0)}" y2="${y(0)}" />
    <line class="axis" x1="${margin}" x2="${width - margin}" y1="${y(1)}" y2="${y(1)}" />
    <text class="of-loss" x="${margin}" y="${y(1) - 8}">loss (top: ${top.toFixed(2)})</text>
    <text class="of-score" x="${width - margin}" y="${y(1) - 8}" text-anchor="end">accuracy on held-out rows (top: 100 %)</text>
    <text x="${margin}" y="${height - 12}">0</text>
    <text x="${width - margin}" y="${height - 12}" text-anchor="end">${steps} steps</text>
    <polyline class="loss" points="${curve(losses, top)}" />
    <polyline class="score" points="${curve(scores, 100)}" />
    ${scores.map(({ step, value }) => `<circle class="of-score" cx="${x(step).toFixed(1)}" cy="${y(value / 100).toFixed(1)}" r="3" />`).join('')}
  </svg>`;
}

const last = (what: string, points: readonly Point[], digits: number): string | undefined =>
  points.length === 0 ? undefined : `${what} ${points.at(-1)!.value.toFixed(digits)}`;
