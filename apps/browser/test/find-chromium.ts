import { existsSync } from 'node:fs';

/** The Chromium of the system's packages (Debian: `apt-get install chromium`), or the one that `CHROMIUM_PATH` names. */
export const findChromium = (): string | undefined =>
  [process.env['CHROMIUM_PATH'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
    (path) => path !== undefined && existsSync(path),
  );
