import { randomUUID } from 'node:crypto';
import { createKey } from '@recant/api';
import { OPERATOR_TENANT, OWN_AGENT, parseApiKey } from '@recant/events';
import type { ActRecorder } from '@recant/service';
import { keyBindings } from '@recant/service-ledger/wire';
import type { Credentials, NewCredential } from '@recant/store';
import { CREDENTIALS_FILE } from '../terminal/connection.ts';
import type { Folder } from './folder.ts';
import { localUser } from './local-acts.ts';

/** The all-in-one has one tenant, the operator's own: dead letters of unknown senders are filed there, and its operator sees them. */
const TENANT = OPERATOR_TENANT;
/** Agent of the rollback's own attempts. */
const ROLLBACK_FILE = 'rollback.key';

const OPERATOR: NewCredential = {
  tenant: TENANT,
  roles: ['view', 'plan', 'execute', 'export', 'administer', 'unseal'],
  sourcePrefix: 'recant://operator/',
  agents: [],
  resources: [],
  label: 'operator, made by recant up',
};
const AGENTS: NewCredential = {
  tenant: TENANT,
  roles: ['emit'],
  sourcePrefix: 'recant://',
  agents: ['*'],
  resources: ['*'],
  label: 'agents, made by recant up',
};
const ROLLBACK: NewCredential = {
  tenant: TENANT,
  roles: ['rollback'],
  sourcePrefix: `recant://${OWN_AGENT}/`,
  agents: [OWN_AGENT],
  resources: [],
  label: 'rollback, made by recant up',
};

export interface UpKeys {
  readonly operatorKey: string;
  /** The rollback's own: stays in the folder, nobody else needs it. */
  readonly rollbackKey: string;
  /** Made just now: to be shown, once. The agents' key is kept nowhere. */
  readonly made?: { readonly operatorKey: string; readonly agentKey: string };
}

/**
 * Keys that the folder keeps and the database knows; new ones where either has lost them (first start, another DATABASE_URL) or they have ended.
 * Each is an entry before it is made, like those that are made over HTTP.
 */
export async function ensureKeys(folder: Folder, credentials: Credentials, acts: ActRecorder): Promise<UpKeys> {
  const make = (wanted: NewCredential): Promise<string> => makeKey(credentials, acts, wanted);
  const rollbackKey = (await known(credentials, (await folder.read(ROLLBACK_FILE))?.trim())) ?? (await makeRollbackKey(folder, make));
  const kept = await known(credentials, await keptOperatorKey(folder));
  if (kept !== undefined) return { operatorKey: kept, rollbackKey };
  const operatorKey = await make(OPERATOR);
  const agentKey = await make(AGENTS);
  return { operatorKey, rollbackKey, made: { operatorKey, agentKey } };
}

async function makeKey(credentials: Credentials, acts: ActRecorder, wanted: NewCredential): Promise<string> {
  const end = await acts.order({ tenant: TENANT, operation: createKey.operationId, by: localUser(), target: {}, request: randomUUID() });
  const made = await credentials.create(wanted).catch(async (error: unknown) => {
    await end({ outcome: 'failed', code: 'internal' });
    throw error;
  });
  await end({ outcome: 'done', detail: keyBindings(made) });
  return made.apiKey;
}

/** For the command line in the same directory. */
export async function keepConnection(folder: Folder, url: string, apiKey: string): Promise<void> {
  await folder.keep(CREDENTIALS_FILE, `${JSON.stringify({ url, apiKey })}\n`);
}

async function makeRollbackKey(folder: Folder, make: (wanted: NewCredential) => Promise<string>): Promise<string> {
  const apiKey = await make(ROLLBACK);
  await folder.keep(ROLLBACK_FILE, `${apiKey}\n`);
  return apiKey;
}

async function keptOperatorKey(folder: Folder): Promise<string | undefined> {
  try {
    return (JSON.parse((await folder.read(CREDENTIALS_FILE)) ?? '{}') as { apiKey?: string }).apiKey;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function known(credentials: Credentials, key: string | undefined): Promise<string | undefined> {
  const parsed = key === undefined ? undefined : parseApiKey(key);
  const found = parsed && (await credentials.find(parsed.keyId));
  return found !== undefined && 'credential' in found ? key : undefined;
}
