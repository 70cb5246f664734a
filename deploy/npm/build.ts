/** `npm run build`: compiles the published packages into dist/npm, one folder each, for the oldest supported Node. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PublishedPackage, publishedManifest, publishedPackages, ROOT } from './packages.ts';

/** Target Node 20.19: newer syntax is translated; newer library functions (ES2024 except its string methods) do not compile. */
const LANGUAGE = { target: 'ES2022', lib: ['ES2023', 'ES2024.String'] };

export class BuildError extends Error {
  override readonly name = 'BuildError';
}

/** Builds the published packages into `<target>/@recant/<name>`. @returns their names @throws BuildError */
export function buildPackages(target: string): string[] {
  const packages = publishedPackages();
  const draft = mkdtempSync(join(tmpdir(), 'recant-build-'));
  try {
    compile(packages, draft);
    for (const published of packages) layOut(published, draft, target);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return packages.map(({ manifest }) => manifest.name);
}

/** Compiles all packages as one program, because they import each other's sources. */
function compile(packages: readonly PublishedPackage[], draft: string): void {
  const sources = packages.flatMap(({ folder }) => globSync(`${folder}/src/**/*.ts`, { cwd: ROOT }));
  const config = {
    extends: join(ROOT, 'tsconfig.base.json'),
    compilerOptions: {
      ...LANGUAGE,
      rootDir: ROOT,
      outDir: join(draft, 'out'),
      declaration: true,
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    files: sources.filter((file) => !file.endsWith('.test.ts')).map((file) => join(ROOT, file)),
  };
  writeFileSync(join(draft, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', join(draft, 'tsconfig.json')], { encoding: 'utf8' });
  if (status !== 0) throw new BuildError(`The published packages do not compile for Node 20.19:\n${stdout}${stderr}`);
}

function layOut(published: PublishedPackage, draft: string, target: string): void {
  const folder = join(target, published.manifest.name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(join(draft, 'out', published.folder, 'src'), join(folder, 'src'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(publishedManifest(published), null, 2)}\n`);
  copyFileSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  const readme = join(ROOT, published.folder, 'README.md');
  if (existsSync(readme)) copyFileSync(readme, join(folder, 'README.md'));
}

if (import.meta.main) {
  const target = join(ROOT, 'dist', 'npm');
  try {
    for (const name of buildPackages(target)) console.log(join('dist', 'npm', name));
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
