import { APPROVAL_RULES, type ApprovalRule, type OnePerson, ruleProblem } from '@recant/policy';
import {
  APPROVAL_ENV,
  ConfigError,
  DatabaseUrl,
  type Env,
  type ListenAddress,
  listenAddressOf,
  listenEnv,
  MASTER_KEY_ENV,
  type MasterKeys,
  masterKeysOf,
  OPENID_ENV,
  openIdPeople,
  type People,
  RATE_ENV,
  type Rates,
  ratesOf,
  readConfig,
  requireMasterKey,
  secret,
} from '@recant/service';
import { z } from 'zod';

export const PORT_DEFAULT = 7301;

const RollbackEnv = z.object({
  DATABASE_URL: DatabaseUrl,
  RECANT_LEDGER_URL: z.url('must be the URL of the ledger').default('http://127.0.0.1:7300'),
  RECANT_ROLLBACK_KEY: secret(z.string().min(1)),
  ...listenEnv(PORT_DEFAULT),
  ...RATE_ENV,
  RECANT_CA_FILE: z.string().min(1).optional(),
  ...MASTER_KEY_ENV,
  /** Steps inverted in one batch. */
  RECANT_BATCH_STEPS: z.coerce.number('must be a number').int().min(1).max(2_000).default(2_000),
  RECANT_LEASE_MS: z.coerce.number('must be a number').int().min(500).default(30_000),
  /** Which plans need a second person. */
  RECANT_APPROVALS: z.enum(APPROVAL_RULES, `must be one of ${APPROVAL_RULES.join(', ')}`).default('always'),
  ...APPROVAL_ENV,
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
  /** Extra CA certificates to trust, in PEM. */
  readonly caFile: string | undefined;
  readonly masterKeys: MasterKeys;
  readonly batchSteps: number;
  readonly leaseMs: number;
  readonly people: readonly People[];
  readonly approvals: ApprovalRule;
  readonly onePerson: OnePerson;
  /** Rows and files that one run may change without a confirmation of their number. */
  readonly rowsMax: number;
  readonly failpoint: string | undefined;
}

/** @throws ConfigError naming all problems */
export function readRollbackConfig(env: Env): RollbackConfig {
  const read = readConfig(requireMasterKey(RollbackEnv, env), env);
  const people = openIdPeople(read, Date.now);
  const problem = ruleProblem(read.RECANT_APPROVALS, people.length > 0);
  if (problem !== undefined) throw new ConfigError([problem]);
  return {
    databaseUrl: read.DATABASE_URL,
    ledgerUrl: read.RECANT_LEDGER_URL,
    apiKey: read.RECANT_ROLLBACK_KEY,
    address: listenAddressOf(read),
    rates: ratesOf(read),
    caFile: read.RECANT_CA_FILE,
    masterKeys: masterKeysOf(read),
    batchSteps: read.RECANT_BATCH_STEPS,
    leaseMs: read.RECANT_LEASE_MS,
    approvals: read.RECANT_APPROVALS,
    onePerson: read.RECANT_SAME_PERSON,
    rowsMax: read.RECANT_RUN_ROWS_MAX,
    people,
    failpoint: read.RECANT_FAILPOINT,
  };
}
