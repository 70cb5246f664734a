import { OPERATOR_TENANT, SHARDS_DEFAULT } from '@recant/events';
import { APPROVAL_RULES, type ApprovalRule, type OnePerson, ruleProblem } from '@recant/policy';
import {
  APPROVAL_ENV,
  ConfigError,
  DatabaseUrl,
  type Env,
  KAFKA_ENV,
  type KafkaAccess,
  kafkaAccessOf,
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
  secret,
} from '@recant/service';
import {
  ALARM_ENV,
  EVIDENCE_ENV,
  keysDatabaseOf,
  LEASE_ENV,
  placesOf,
  WEBHOOKS_ENV,
  type Webhook,
  webhooksOf,
} from '@recant/service-ledger/wire';
import { z } from 'zod';
import { DIR_DEFAULT } from '../terminal/connection.ts';
import { CliError, EXIT } from '../terminal/exit.ts';

export const PORT_DEFAULT = 7300;

const Environment = z.object({
  DATABASE_URL: secret(DatabaseUrl.optional()),
  ...KAFKA_ENV,
  ...listenEnv(PORT_DEFAULT),
  ...RATE_ENV,
  /** Address for other machines, if it differs from the listen address; must match the certificate. */
  RECANT_PUBLIC_URL: z.url({ protocol: /^https?$/, error: 'must be an http(s) address' }).optional(),
  RECANT_DIR: z.string().default(DIR_DEFAULT),
  ...MASTER_KEY_ENV,
  RECANT_KEYS_DATABASE_URL: DatabaseUrl.optional(),
  RECANT_SHARDS: z.coerce
    .number('must be a whole number')
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(256, 'must be at most 256')
    .default(SHARDS_DEFAULT),
  RECANT_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('warn'),
  RECANT_FAILPOINT: z.string().optional(),
  /** Name of the ledger and of its keys, used by the first start; default: generated. */
  RECANT_LEDGER_NAME: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/, 'must be a host name, or a host name and a path')
    .max(200)
    .optional(),
  ...EVIDENCE_ENV,
  ...OPENID_ENV,
  ...ALARM_ENV,
  ...LEASE_ENV,
  ...WEBHOOKS_ENV,
  /** Plans that need approval by a second person. Default: `never` while there is one person, `always` where others can sign in. */
  RECANT_APPROVALS: z.enum(APPROVAL_RULES, `must be one of ${APPROVAL_RULES.join(', ')}`).optional(),
  ...APPROVAL_ENV,
});

export interface UpOptions {
  readonly dir?: string;
  readonly host?: string;
  readonly port?: string;
  readonly kafka?: boolean;
  readonly agentLease?: string;
}

export interface UpSettings {
  readonly dir: string;
  readonly address: ListenAddress;
  readonly rates: Rates;
  readonly publicUrl: string | undefined;
  /** Undefined: embedded server in `dir`. */
  readonly databaseUrl: string | undefined;
  /** `local`: a broker in `dir`; undefined: events over HTTP only. */
  readonly kafka: 'local' | KafkaAccess | undefined;
  /** Undefined: the key in the data folder. */
  readonly masterKeys: MasterKeys | undefined;
  /** Undefined: a database on the embedded server; with DATABASE_URL, none. */
  readonly keysDatabaseUrl: string | undefined;
  readonly shards: number;
  readonly logLevel: string;
  readonly failpoint: string | undefined;
  readonly ledgerName: string | undefined;
  readonly signingKeyFile: string | undefined;
  /** Anchors and witnesses of checkpoints. */
  readonly places: ReturnType<typeof placesOf>;
  /** People of OpenID providers, all of the one tenant. */
  readonly people: readonly People[];
  readonly approvals: ApprovalRule;
  readonly onePerson: OnePerson;
  /** Rows and files that one run may change without a confirmation of their number. */
  readonly rowsMax: number;
  /** Rows and files above which one action is an alarm. */
  readonly actionRows: number;
  /** How long a recorder's lease permits new actions, in milliseconds. */
  readonly leaseMs: number;
  readonly webhooks: readonly Webhook[];
}

/** Options override the environment. @throws CliError `usage` that names every problem at once */
export function readSettings(options: UpOptions, env: Env): UpSettings {
  const overlaid = {
    ...env,
    ...(options.dir === undefined ? {} : { RECANT_DIR: options.dir }),
    ...(options.host === undefined ? {} : { RECANT_HOST: options.host }),
    ...(options.port === undefined ? {} : { RECANT_PORT: options.port }),
    ...(options.agentLease === undefined ? {} : { RECANT_AGENT_LEASE_MS: options.agentLease }),
  };
  try {
    const read = readConfig(Environment, overlaid);
    const people = openIdPeople(read, Date.now, OPERATOR_TENANT);
    const approvals = read.RECANT_APPROVALS ?? (people.length > 0 ? 'always' : 'never');
    const problem = ruleProblem(approvals, people.length > 0);
    if (problem !== undefined) throw new ConfigError([problem]);
    return {
      dir: read.RECANT_DIR,
      address: listenAddressOf(read),
      rates: ratesOf(read),
      publicUrl: read.RECANT_PUBLIC_URL?.replace(/\/$/, ''),
      databaseUrl: read.DATABASE_URL,
      kafka: kafkaAccessOf(read) ?? (options.kafka ? 'local' : undefined),
      masterKeys: (read.RECANT_MASTER_KEY_FILE ?? read.RECANT_MASTER_KEY) ? masterKeysOf(read) : undefined,
      keysDatabaseUrl: keysDatabaseOf(read),
      shards: read.RECANT_SHARDS,
      logLevel: read.RECANT_LOG_LEVEL,
      failpoint: read.RECANT_FAILPOINT,
      ledgerName: read.RECANT_LEDGER_NAME,
      signingKeyFile: read.RECANT_SIGNING_KEY_FILE,
      places: placesOf(read),
      approvals,
      onePerson: read.RECANT_SAME_PERSON,
      rowsMax: read.RECANT_RUN_ROWS_MAX,
      people,
      actionRows: read.RECANT_ALARM_ROWS,
      leaseMs: read.RECANT_AGENT_LEASE_MS,
      webhooks: webhooksOf(read, env),
    };
  } catch (error) {
    if (error instanceof ConfigError)
      throw new CliError(EXIT.usage, error.problems.join('; '), 'Correct the option or environment variable.', {
        cause: error,
      });
    throw error;
  }
}
