import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Check, Finding } from './report.ts';

/** `engines` of package.json. */
const NODE_MIN = [20, 19] as const;
/** Bytes. Below, PostgreSQL may stop at any moment: a checkpoint of its log alone needs up to 1 GiB. */
const FREE_BYTES_MIN = 1_073_741_824;
const FREE_PART_MIN = 0.05;
/** Files that hold keys or passwords, and may not exist. */
const SECRET_FILES = ['cli.json', 'master.key', 'rollback.key', 'database.url', 'operator.password', 'signing.key'];

/** @param version as in `process.versions.node` */
export function checkNode(version: string): Check {
  return {
    name: 'node',
    async run() {
      const [major = 0, minor = 0] = version.split('.').map(Number);
      const isOld = major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1]);
      if (!isOld) return { findings: [] };
      const action = `Install Node ${NODE_MIN.join('.')} or later; \`npm ci\` in a checkout installs Node 24.`;
      return {
        findings: [{ subject: `Node ${version}`, detail: `Expected Node ${NODE_MIN.join('.')} or later, got ${version}.`, action }],
      };
    },
  };
}

/** Free space of the folders that a full disk would stop. */
export function checkDisk(folders: readonly (string | undefined)[]): Check {
  return {
    name: 'disk',
    async run() {
      const findings = (await Promise.all(folders.map(async (folder) => (folder === undefined ? [] : fullness(folder))))).flat();
      return { findings };
    },
  };
}

async function fullness(folder: string): Promise<Finding[]> {
  const found = await statfs(folder).catch(() => undefined);
  // A folder that does not exist is another check's finding.
  if (found === undefined) return [];
  const free = found.bavail * found.bsize;
  if (free >= FREE_BYTES_MIN && found.bavail >= found.blocks * FREE_PART_MIN) return [];
  const detail = `${Math.round(free / 1_048_576)} MiB free (${Math.floor((found.bavail / Math.max(1, found.blocks)) * 100)} %); expected at least 1 GiB and 5 %.`;
  return [
    {
      subject: folder,
      detail,
      action: `Free space on this volume or enlarge it: \`df -h ${folder}\`. When it is full, nothing can be recorded.`,
    },
  ];
}

/** The data folder of `recant up`: there, and its secrets readable by its owner only. */
export function checkFolder(folder: string): Check {
  return {
    name: 'folder',
    async run() {
      if ((await stat(folder).catch(() => undefined)) === undefined) return { off: `${folder} does not exist` };
      const modes = await Promise.all(
        SECRET_FILES.map(async (name) => ({
          path: join(folder, name),
          mode: (await stat(join(folder, name)).catch(() => undefined))?.mode,
        })),
      );
      const open = modes.filter(({ mode }) => mode !== undefined && (mode & 0o077) !== 0);
      const detail = 'Other users of this machine can read this secret.';
      return { findings: open.map(({ path }) => ({ subject: path, detail, action: `chmod 600 ${path}` })) };
    },
  };
}
