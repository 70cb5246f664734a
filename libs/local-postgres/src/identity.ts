import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { LocalPostgresError } from './error.ts';

const run = promisify(execFile);

/** How PostgreSQL's programs are started, since PostgreSQL refuses to run as root. */
export interface Identity {
  kind: 'self' | 'namespace' | 'user';
  /** Command before the program and its arguments. */
  prefix: readonly string[];
  /** Required owner of the data folder; absent if it is the caller. */
  owner?: { uid: number; gid: number };
}

interface Account {
  name: string;
  uid: number;
  gid: number;
}

/**
 * An ordinary user runs the server under its own account. Root runs it in a user namespace, which creates no user and can access root's files;
 * if namespaces are forbidden, as an existing user that can access the programs and the folder.
 */
export async function chooseIdentity(paths: { program: string; folder: string }, only?: Identity['kind']): Promise<Identity> {
  if (process.getuid?.() !== 0) return { kind: 'self', prefix: [] };
  const accounts = await readAccounts();
  if (only !== 'user') {
    const namespace = await tryNamespace(accounts, paths.program);
    if (namespace) return namespace;
  }
  for (const account of accounts) {
    if (await canReach(account, paths)) return { kind: 'user', prefix: asUser(account), owner: { uid: account.uid, gid: account.gid } };
  }
  throw new LocalPostgresError(
    'root_refused',
    `PostgreSQL does not run as root: user namespaces are forbidden, and neither "postgres" nor "nobody" can access ${paths.program} and ${paths.folder}; run as an ordinary user, or set DATABASE_URL`,
  );
}

/** Existing accounts only: initdb needs a name for its user id. */
async function readAccounts(): Promise<Account[]> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n');
  const accounts = lines.map((line) => line.split(':')).map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
  return ['postgres', 'nobody'].flatMap((name) => accounts.find((account) => account.name === name && account.uid > 0) ?? []);
}

async function tryNamespace(accounts: readonly Account[], program: string): Promise<Identity | undefined> {
  for (const { uid, gid } of accounts) {
    const prefix = ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'];
    if (await succeeds([...prefix, program, '--version'])) return { kind: 'namespace', prefix };
  }
  return undefined;
}

function asUser({ uid, gid }: Account): string[] {
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'];
}

async function canReach(account: Account, { program, folder }: { program: string; folder: string }): Promise<boolean> {
  const runs = await succeeds([...asUser(account), program, '--version']);
  return runs && (await succeeds([...asUser(account), 'test', '-x', folder]));
}

async function succeeds([file = '', ...args]: string[]): Promise<boolean> {
  return run(file, args, { timeout: 10_000 }).then(
    () => true,
    () => false,
  );
}
