/**
 * Results as tables, findings and pages.
 * @module
 */
export { shotsText } from '../config/shots-text.js';
export { type Finding, findings } from '../report/findings.js';
export { formatTable, markdownTable } from '../report/format-table.js';
export { htmlReport } from '../report/html-report.js';
export type { ReportExample, ReportInput } from '../report/report-input.js';
export { formatBytes, formatNumber, formatSeconds } from '../report/table-cells.js';
export { writeReports, type WriteReportsOptions, type WrittenReports } from '../report/write-reports.js';
export { plotColours, plotConfig } from '../report/plot-theme.js';
export { renderSvg } from '../report/render-svg.js';
