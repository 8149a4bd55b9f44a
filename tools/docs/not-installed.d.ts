// Modules that examples import and this repository does not install.
declare module 'vitest' {
  export const describe: (name: string, body: () => void) => void;
  export const it: (name: string, body: () => Promise<void>, timeout?: number) => void;
}
