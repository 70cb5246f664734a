import { randomBytes } from 'node:crypto';
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const NAME = 'recant-failovers';
/** The folder of a cluster, its saved copy, its log and its passwords; the number is the process that made it. */
const PATTERN = new RegExp(`^${NAME}-([0-9]+)-[0-9a-f]+(\\.saved|\\.log|\\.passwords)?$`);

/** For a cluster of this process. It outlives its server's restarts, so that a killed process leaves it behind. */
export const clusterFolder = (root = tmpdir()): string => join(root, `${NAME}-${process.pid}-${randomBytes(6).toString('hex')}`);

/** Removes what killed processes left, and ends a server whose supervisor was killed, too: any other server has ended with its process. */
export async function removeAbandoned(root = tmpdir()): Promise<void> {
  for (const name of await readdir(root)) {
    const [, pid] = PATTERN.exec(name) ?? [];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await endServerOf(join(root, name));
    await rm(join(root, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM';
  }
}

/** A server works in its data folder: a number that another process has by now is left alone. */
async function endServerOf(folder: string): Promise<void> {
  const pid = Number((await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
  if (pid > 0 && (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === folder) process.kill(pid, 'SIGQUIT');
}
