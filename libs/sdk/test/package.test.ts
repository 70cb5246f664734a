import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { expect, test } from 'vitest';
import { SDK_VERSION } from '../src/version.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const manifest = JSON.parse(read('../package.json')) as { version: string; dependencies: object; peerDependencies: object };

test('the version reported by sources equals the package version', () => {
  expect(SDK_VERSION).toBe(manifest.version);
});

test('the only runtime imports are protocol libs: others are type-only, or optional peers loaded on use', () => {
  expect(Object.keys(manifest.dependencies).sort()).toEqual(['@recant/connector', '@recant/events', '@recant/redaction']);
  const builtins = new Set(builtinModules.map((name) => `node:${name}`));
  for (const folder of ['..', '../../events', '../../redaction'].map((root) => `${root}/src`)) {
    const files = readdirSync(new URL(folder, import.meta.url), { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => name.endsWith('.ts') && !name.startsWith('schemas'))) {
      const imported = [...read(`${folder}/${file}`).matchAll(/^(?:import|export) (?!type )[^;]*? from '([^']+)'/gms)].map(
        ([, name]) => name as string,
      );
      const foreign = imported.filter((name) => !name.startsWith('.') && !builtins.has(name) && !name.startsWith('@recant/'));
      expect({ file, foreign }).toEqual({ file, foreign: [] });
    }
  }
});
