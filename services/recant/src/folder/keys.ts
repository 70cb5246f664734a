import { randomUUID } from 'node:crypto';
import { createKey } from '@recant/api';
import { OPERATOR_TENANT, OWN_AGENT, parseApiKey } from '@recant/events';
import type { ActRecorder } from '@recant/service';
import { keyBindings } from '@recant/service-ledger/wire';
import type { Credentials, NewCredential } from '@recant/store';
import { CREDENTIALS_FILE } from '../terminal/connection.ts';
import { LOCAL_PERSON } from '../terminal/person.ts';
import type { Folder } from './folder.ts';
import { localActor } from './local-acts.ts';

/** `recant up` has one tenant, the operator's: dead letters of unknown senders belong to it. */
const TENANT = OPERATOR_TENANT;
const ROLLBACK_FILE = 'rollback.key';

const OPERATOR: NewCredential = {
  tenant: TENANT,
  roles: ['view', 'plan', 'execute', 'export', 'administer', 'unseal'],
  sourcePrefix: 'recant://operator/',
  agents: [],
  resources: [],
  label: 'operator, created by recant up',
  // Who has the folder has the password of its one local person, too.
  people: [`person:${LOCAL_PERSON}`],
};
const AGENTS: NewCredential = {
  tenant: TENANT,
  roles: ['emit'],
  sourcePrefix: 'recant://',
  agents: ['*'],
  resources: ['*'],
  label: 'agents, created by recant up',
};
const ROLLBACK: NewCredential = {
  tenant: TENANT,
  roles: ['rollback'],
  sourcePrefix: `recant://${OWN_AGENT}/`,
  agents: [OWN_AGENT],
  resources: [],
  label: 'rollback, created by recant up',
};

export interface UpKeys {
  readonly operatorKey: string;
  /** Key of the rollback, saved in the folder. */
  readonly rollbackKey: string;
  /** Created by this start, to be printed once. The agents' key is not saved. */
  readonly created?: { readonly operatorKey: string; readonly agentKey: string };
}

/**
 * The keys saved in the folder, if the database knows them; otherwise creates new ones (first start, another DATABASE_URL, expired keys). Each
 * creation is recorded as an act first, as over HTTP. The operator's key is saved at once: a start that fails later does not create another.
 */
export async function ensureKeys(folder: Folder, credentials: Credentials, acts: ActRecorder): Promise<UpKeys> {
  const create = (wanted: NewCredential): Promise<string> => createRecorded(credentials, acts, wanted);
  const rollbackKey = (await known(credentials, (await folder.read(ROLLBACK_FILE))?.trim())) ?? (await createRollbackKey(folder, create));
  const saved = await known(credentials, await savedOperatorKey(folder));
  if (saved !== undefined) return { operatorKey: saved, rollbackKey };
  const operatorKey = await create(OPERATOR);
  const agentKey = await create(AGENTS);
  await saveConnection(folder, operatorKey);
  return { operatorKey, rollbackKey, created: { operatorKey, agentKey } };
}

async function createRecorded(credentials: Credentials, acts: ActRecorder, wanted: NewCredential): Promise<string> {
  const end = await acts.order({
    tenant: TENANT,
    operation: createKey.operationId,
    actor: localActor(),
    object: {},
    request: randomUUID(),
  });
  const made = await credentials.create(wanted).catch(async (error: unknown) => {
    await end({ outcome: 'failed', code: 'internal' });
    throw error;
  });
  await end({ outcome: 'done', object: { keyId: made.credential.keyId }, detail: keyBindings(made) });
  return made.apiKey;
}

/** Address and key for commands in the same directory. @param url left out until the service listens */
export async function saveConnection(folder: Folder, apiKey: string, url?: string): Promise<void> {
  await folder.write(CREDENTIALS_FILE, `${JSON.stringify({ url, apiKey })}\n`);
}

async function createRollbackKey(folder: Folder, create: (wanted: NewCredential) => Promise<string>): Promise<string> {
  const apiKey = await create(ROLLBACK);
  await folder.write(ROLLBACK_FILE, `${apiKey}\n`);
  return apiKey;
}

async function savedOperatorKey(folder: Folder): Promise<string | undefined> {
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
