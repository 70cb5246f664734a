import { readFileSync } from 'node:fs';
import { APPROVAL_RULES, type ApprovalRule } from '@recant/policy';
import {
  ConfigError,
  DatabaseUrl,
  type Env,
  type ListenAddress,
  listenAddressOf,
  listenEnv,
  OPENID_ENV,
  openIdPeople,
  type People,
  RATE_ENV,
  type Rates,
  ratesOf,
  readConfig,
  secret,
} from '@recant/service';
import { MASTER_KEY_BYTES } from '@recant/store';
import { z } from 'zod';

export const PORT_DEFAULT = 7301;

const RollbackEnv = z.object({
  DATABASE_URL: DatabaseUrl,
  RECANT_LEDGER_URL: z.url('must be the URL of the ledger').default('http://127.0.0.1:7300'),
  RECANT_ROLLBACK_KEY: secret(z.string().min(1)),
  ...listenEnv(PORT_DEFAULT),
  ...RATE_ENV,
  RECANT_CA_FILE: z.string().min(1).optional(),
  RECANT_MASTER_KEY_FILE: z.string().min(1),
  /** Steps that are inverted together. */
  RECANT_BATCH_STEPS: z.coerce.number('must be a number').int().min(1).max(1_000).default(50),
  RECANT_LEASE_MS: z.coerce.number('must be a number').int().min(500).default(30_000),
  /** Which plans need a second person. */
  RECANT_APPROVALS: z.enum(APPROVAL_RULES, `must be one of ${APPROVAL_RULES.join(', ')}`).default('always'),
  ...OPENID_ENV,
  /** For fault tests: `<point>:<step>`. */
  RECANT_FAILPOINT: z.string().optional(),
});

export interface RollbackConfig {
  readonly databaseUrl: string;
  readonly ledgerUrl: string;
  readonly apiKey: string;
  readonly address: ListenAddress;
  readonly rates: Rates;
  /** Authorities to believe, beside Node's own. */
  readonly caFile: string | undefined;
  readonly masterKey: Uint8Array;
  readonly batchSteps: number;
  readonly leaseMs: number;
  readonly people: readonly People[];
  readonly approvals: ApprovalRule;
  readonly failpoint: string | undefined;
}

/** @throws ConfigError naming every problem at once */
export function readRollbackConfig(env: Env): RollbackConfig {
  const read = readConfig(RollbackEnv, env);
  return {
    databaseUrl: read.DATABASE_URL,
    ledgerUrl: read.RECANT_LEDGER_URL,
    apiKey: read.RECANT_ROLLBACK_KEY,
    address: listenAddressOf(read),
    rates: ratesOf(read),
    caFile: read.RECANT_CA_FILE,
    masterKey: readMasterKey(read.RECANT_MASTER_KEY_FILE),
    batchSteps: read.RECANT_BATCH_STEPS,
    leaseMs: read.RECANT_LEASE_MS,
    approvals: read.RECANT_APPROVALS,
    people: openIdPeople(read, Date.now),
    failpoint: read.RECANT_FAILPOINT,
  };
}

/** 32 bytes, or their base64 or hex in one line. */
function readMasterKey(path: string): Uint8Array {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new ConfigError([`RECANT_MASTER_KEY_FILE: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`]);
  }
  const text = bytes.length === MASTER_KEY_BYTES ? '' : bytes.toString('latin1').trim();
  const key = [bytes, Buffer.from(text, 'hex'), Buffer.from(text, 'base64')].find((candidate) => candidate.length === MASTER_KEY_BYTES);
  if (key) return key;
  throw new ConfigError([`RECANT_MASTER_KEY_FILE: ${path} does not hold ${MASTER_KEY_BYTES} bytes, raw, as hex or as base64`]);
}
