import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Files that git tracks, and untracked ones that it does not ignore. */
export function repositoryFiles(): string[] {
  const output = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' });
  const deleted = execFileSync('git', ['ls-files', '-z', '--deleted'], { cwd: ROOT, encoding: 'utf8' }).split('\0');
  return output
    .split('\0')
    .filter((file) => file !== '' && !deleted.includes(file) && !file.startsWith('test/architecture/fixtures/'))
    .sort();
}

/** The given paths that git ignores; they need not exist. */
export function ignored(paths: readonly string[]): string[] {
  const { stdout } = spawnSync('git', ['check-ignore', '--no-index', '--', ...paths], { cwd: ROOT, encoding: 'utf8' });
  return stdout.split('\n').filter((path) => path !== '');
}

export function readText(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}
