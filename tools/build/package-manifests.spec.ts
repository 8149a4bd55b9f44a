import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Manifest {
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly typesVersions?: { readonly '*': Readonly<Record<string, readonly string[]>> };
}

const packages = fileURLToPath(new URL('../../packages', import.meta.url));
const manifests = readdirSync(packages).map((name): [string, Manifest] => [
  name,
  JSON.parse(readFileSync(`${packages}/${name}/package.json`, 'utf8')) as Manifest,
]);

describe('package.json', () => {
  it.each(manifests)('of %s says where older TypeScript finds the types of each subpath', (_, manifest) => {
    const withTypes = Object.entries(manifest.exports ?? {}).filter(([, target]) =>
      JSON.stringify(target).includes('.d.ts'),
    );
    const subpaths = withTypes.map(([path]) => path.slice(2)).filter((path) => path !== '');
    expect(Object.keys(manifest.typesVersions?.['*'] ?? {}).toSorted()).toEqual(subpaths.toSorted());
  });
});
