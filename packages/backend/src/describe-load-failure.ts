import type { UnusableBackend } from './backend-report.js';

/** How to put the native library in; the cure of most failures below. Of the command line, and of a package of its own for those without it. */
export const SETUP_NATIVE = '`npx tfjs-peft setup-native` (without @tfjs-peft/cli: `npx @tfjs-peft/setup-native`)';

/** Says in one sentence why `packageName` could not be loaded, and what to do. */
export function describeLoadFailure(packageName: string, error: unknown, fix: string): UnusableBackend {
  const { code, message } = error as { code?: string; message?: string };
  const text = String(message ?? error);
  if ((code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') && text.includes(`'${packageName}'`)) {
    return {
      usable: false,
      why: `${packageName} is not installed`,
      fix: `\`npm install ${packageName}@4.22.0\`, then ${fix}`,
    };
  }
  if (text.includes('native addon module')) {
    return { usable: false, why: `the native part of ${packageName} is missing`, fix };
  }
  return { usable: false, why: `${packageName} cannot be loaded: ${firstLine(text)}`, fix };
}

/** Two copies of tfjs-core have two registries: what one loads, the other never sees. */
export const secondCopy = (packageName: string): UnusableBackend => ({
  usable: false,
  why: `${packageName} brought its own copy of @tensorflow/tfjs-core`,
  fix: 'install the same version of all @tensorflow packages (4.22.0), then `npm dedupe`',
});

const firstLine = (text: string): string => text.split('\n', 1)[0]!.trim();
