import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The machine's own Node, on which agents run: the first on PATH that is not this checkout's tool. Where there is none (the only Node
 * is the one of node_modules), that one.
 */
export function stockNode(): { program: string; version: string } {
  const outside = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '' && !folder.includes('node_modules'));
  const program = outside.map((folder) => join(folder, 'node')).find((file) => existsSync(file)) ?? process.execPath;
  return { program, version: spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout.trim() };
}
