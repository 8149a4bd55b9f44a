import { reportStyle } from './html-style.js';
import { embedJson, escapeHtml } from './printable.js';

/** What a page shows; `facts` and `body` are HTML, with every text of a stranger escaped. */
export interface HtmlPage {
  readonly title: string;
  /** Below the title. */
  readonly facts?: string;
  readonly body: string;
  /** All of it again as JSON. */
  readonly data: unknown;
}

/** A page that loads nothing and runs no script, whatever its texts say. It follows the reader's light or dark setting. */
export const htmlPage = ({ title, facts = '', body, data }: HtmlPage): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="tfjs-peft">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeHtml(title)}</title>
<style>${reportStyle}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(title)}</h1>
${facts}
</header>
${body}
</main>
<script type="application/json" id="data">${embedJson(data)}</script>
</body>
</html>
`;
