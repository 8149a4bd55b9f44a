import { plotColours } from './plot-theme.js';

const variables = (colours: Readonly<Record<string, string>>) =>
  Object.entries(colours)
    .map(([key, colour]) => `--${key}:${colour}`)
    .join(';');

const light = {
  ...plotColours,
  page: '#f6f7f8',
  background: '#ffffff',
  border: '#dde1e5',
  good: '#0a8f69',
  bad: '#c9472b',
};
const dark = {
  page: '#111418',
  background: '#191d22',
  border: '#2c333a',
  text: '#e4e8ec',
  muted: '#9aa4ae',
  grid: '#2b3138',
  floor: '#8a939c',
  method0: '#58a9ec',
  method1: '#f08b45',
  method2: '#3fc39b',
  method3: '#dc8bbd',
  method4: '#e0b548',
  method5: '#a79df5',
  good: '#3fc39b',
  bad: '#f2795c',
};

/** The whole style sheet of the report. */
export const reportStyle = `
:root{color-scheme:light dark;${variables(light)}}
@media (prefers-color-scheme:dark){:root{${variables(dark)}}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:40px 20px 72px}
header{margin-bottom:28px}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 10px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:0 0 12px}
section{background:var(--background);border:1px solid var(--border);border-radius:10px;padding:20px 22px;margin:0 0 20px}
.facts{display:flex;flex-wrap:wrap;gap:8px;margin:0}
.facts span{border:1px solid var(--border);background:var(--background);border-radius:99px;padding:2px 12px;font-size:.85rem;color:var(--muted);overflow-wrap:anywhere}
.findings{list-style:none;padding:0;margin:0;display:grid;gap:8px}
.findings li{border-left:4px solid var(--floor);padding:2px 0 2px 12px;overflow-wrap:anywhere}
.findings .better{border-color:var(--good)}
.findings .worse{border-color:var(--bad)}
figure{margin:0;overflow-x:auto}
figure svg{display:block;max-width:100%;min-width:620px;height:auto}
figcaption,caption{color:var(--muted);font-size:.85rem}
figcaption{margin-top:8px}
caption{text-align:left;padding-bottom:8px}
.scroll{overflow-x:auto}
.scroll:focus-visible{outline:2px solid var(--method0);outline-offset:4px}
table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{padding:7px 10px;border-bottom:1px solid var(--border);vertical-align:top;text-align:left}
th:first-child{padding-left:0}
tbody tr:last-child>*{border-bottom:0}
thead th{color:var(--muted);font-weight:500;font-size:.8rem;vertical-align:bottom}
tbody th{font-weight:600;min-width:9.5rem}
td.left{min-width:9rem}
.right{text-align:right;white-space:nowrap}
.notes{color:var(--muted);font-size:.85rem;margin:0 0 20px;padding-left:20px;overflow-wrap:anywhere}
section .notes{margin:12px 0 0}
.notes li{margin-bottom:4px}
details{margin-top:8px}
summary{cursor:pointer}
pre{overflow-x:auto;background:var(--page);border:1px solid var(--border);border-radius:8px;padding:12px 14px;font-size:.8rem;line-height:1.45}
@media print{body{background:#fff}section{break-inside:avoid}}
`;
