import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { LocalPostgresError } from './error.ts';

const run = promisify(execFile);

/** PostgreSQL refuses to run as root. An identity says how its programs are started instead. */
export interface Identity {
  kind: 'self' | 'namespace' | 'user';
  /** Put before the program and its arguments. */
  prefix: readonly string[];
  /** The user who must own the data folder; absent where that is the caller. */
  owner?: { uid: number; gid: number };
}

interface Account {
  name: string;
  uid: number;
  gid: number;
}

/**
 * An ordinary user runs the server as itself. Root runs it in a user namespace, which makes no user and keeps root's files reachable;
 * where namespaces are refused it runs as a user who exists, if that one can reach the programs and the folder.
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
    `PostgreSQL does not run as root: user namespaces are refused, and neither "postgres" nor "nobody" can reach ${paths.program} and ${paths.folder}; run as an ordinary user, or set DATABASE_URL`,
  );
}

/** initdb looks its user up by number, so only a number that has a name will do. */
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
