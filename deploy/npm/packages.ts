import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

export interface Manifest {
  name: string;
  version: string;
  private?: boolean;
  exports: Record<string, string>;
  [field: string]: unknown;
}

export interface PublishedPackage {
  /** Relative to the root. */
  folder: string;
  manifest: Manifest;
}

/** Libs that are not private. */
export function publishedPackages(): PublishedPackage[] {
  return globSync(['libs/*/package.json', 'libs/connectors/*/package.json', 'libs/recorders/*/package.json'], { cwd: ROOT })
    .map((file) => ({ folder: dirname(file), manifest: JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as Manifest }))
    .filter(({ manifest }) => manifest.private !== true)
    .sort((a, b) => a.manifest.name.localeCompare(b.manifest.name));
}

/** The published manifest, whose exports point to the compiled JavaScript and declarations. */
export function publishedManifest({ manifest }: PublishedPackage): Manifest & { exports: Record<string, unknown> } {
  const compiled = (source: string, extension: string): string => source.replace(/\.ts$/, extension);
  const exports = Object.fromEntries(
    Object.entries(manifest.exports).map(([name, source]) => [
      name,
      { types: compiled(source, '.d.ts'), default: compiled(source, '.js') },
    ]),
  );
  return { ...manifest, exports: exports as never, files: ['src', 'README.md', 'LICENSE'], sideEffects: false };
}
