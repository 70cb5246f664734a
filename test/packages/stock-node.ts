import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The machine's own Node, on which agents run: the first on PATH outside this checkout. If there is none, the Node of node_modules.
 */
export function stockNode(): { program: string; version: string } {
  const outside = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '' && !folder.includes('node_modules'));
  const program = outside.map((folder) => join(folder, 'node')).find((file) => existsSync(file)) ?? process.execPath;
  return { program, version: spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout.trim() };
}
