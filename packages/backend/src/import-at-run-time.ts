/**
 * Imports a module that may be absent, or that only Node has. The name is a variable, so bundlers for the browser neither look for it nor
 * complain; the caller decides what absence means.
 *
 * @throws whatever the module system throws when the module is absent or fails to start
 */
export const importAtRunTime = async (name: string): Promise<Record<string, unknown>> =>
  (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as Record<string, unknown>;

/** A variable of the environment; a page has none. */
export const environment = (name: string): string | undefined => (runsInNode() ? process.env[name] : undefined);

/** True in Node and its relatives; false in browsers and workers. */
export const runsInNode = (): boolean =>
  typeof process !== 'undefined' && typeof process.versions === 'object' && Boolean(process.versions.node);
