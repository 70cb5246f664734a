import type { Places } from '@recant/anchors';
import { SHARDS_DEFAULT, SHARDS_MAX } from '@recant/events';
import {
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
  requireMasterKey,
} from '@recant/service';
import { z } from 'zod';
import { ALARM_ENV } from './alarm-env.ts';
import type { KafkaDeps } from './consumers.ts';
import { keysDatabaseOf } from './keys-database.ts';
import { LEASE_ENV } from './lease-env.ts';
import { EVIDENCE_ENV, placesOf } from './places.ts';
import { readSigningKeys, type SigningKeys } from './signing-keys.ts';
import { WEBHOOKS_ENV, type Webhook, webhooksOf } from './webhooks/read-webhooks.ts';

export const PORT_DEFAULT = 7300;

/** Each tenant and each topic at most once: two tenants in one topic would not be isolated. */
const TenantTopics = z
  .string()
  .regex(/^[^\s,=]+=[A-Za-z0-9._-]{1,249}(,[^\s,=]+=[A-Za-z0-9._-]{1,249})*$/, 'must be tenant=topic, comma-separated')
  .transform((text) => text.split(',').map((pair) => pair.split('=') as [string, string]))
  .refine(
    (pairs) => [0, 1].every((at) => new Set(pairs.map((pair) => pair[at])).size === pairs.length),
    'must name each tenant and each topic only once',
  )
  .transform((pairs) => Object.fromEntries(pairs));

const LedgerEnv = z.object({
  DATABASE_URL: DatabaseUrl,
  ...KAFKA_ENV,
  /** Default: TOPIC_EVENTS, `recant.ledger`. */
  RECANT_KAFKA_TOPIC: z.string().min(1).optional(),
  RECANT_KAFKA_GROUP: z.string().min(1).optional(),
  /** `tenant=topic`, comma-separated. */
  RECANT_KAFKA_TENANT_TOPICS: TenantTopics.optional(),
  ...listenEnv(PORT_DEFAULT),
  ...RATE_ENV,
  RECANT_CA_FILE: z.string().min(1).optional(),
  ...MASTER_KEY_ENV,
  /** Database of the data keys; must not be the ledger's. */
  RECANT_KEYS_DATABASE_URL: DatabaseUrl.optional(),
  RECANT_SHARDS: z.coerce.number('must be a number').int().min(1).max(SHARDS_MAX).default(SHARDS_DEFAULT),
  ...EVIDENCE_ENV,
  ...OPENID_ENV,
  ...ALARM_ENV,
  ...LEASE_ENV,
  ...WEBHOOKS_ENV,
  RECANT_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** For fault tests: `<name>:<nth>`. */
  RECANT_FAILPOINT: z.string().optional(),
});

export interface LedgerConfig {
  readonly databaseUrl: string;
  readonly kafka: KafkaAccess | undefined;
  readonly kafkaNames: Pick<KafkaDeps, 'topic' | 'groupId' | 'tenantTopics'>;
  readonly address: ListenAddress;
  readonly rates: Rates;
  /** Extra CA certificates to trust, in PEM. */
  readonly caFile: string | undefined;
  readonly masterKeys: MasterKeys;
  readonly keysDatabaseUrl: string | undefined;
  readonly shards: number;
  readonly logLevel: string;
  readonly failpoint: string | undefined;
  readonly signingKeys: SigningKeys | undefined;
  /** Anchors and witnesses of checkpoints. */
  readonly places: Places;
  readonly people: readonly People[];
  readonly actionRows: number;
  /** How long a recorder's lease permits new actions, in milliseconds. */
  readonly leaseMs: number;
  readonly webhooks: readonly Webhook[];
}

/** @throws ConfigError naming all problems */
export function readLedgerConfig(env: Env): LedgerConfig {
  const read = readConfig(requireMasterKey(LedgerEnv, env), env);
  return {
    databaseUrl: read.DATABASE_URL,
    kafka: kafkaAccessOf(read),
    kafkaNames: {
      ...(read.RECANT_KAFKA_TOPIC === undefined ? {} : { topic: read.RECANT_KAFKA_TOPIC }),
      ...(read.RECANT_KAFKA_GROUP === undefined ? {} : { groupId: read.RECANT_KAFKA_GROUP }),
      ...(read.RECANT_KAFKA_TENANT_TOPICS === undefined ? {} : { tenantTopics: read.RECANT_KAFKA_TENANT_TOPICS }),
    },
    address: listenAddressOf(read),
    rates: ratesOf(read),
    caFile: read.RECANT_CA_FILE,
    masterKeys: masterKeysOf(read),
    keysDatabaseUrl: keysDatabaseOf(read),
    shards: read.RECANT_SHARDS,
    logLevel: read.RECANT_LOG_LEVEL,
    failpoint: read.RECANT_FAILPOINT,
    signingKeys: read.RECANT_SIGNING_KEY_FILE === undefined ? undefined : readSigningKeys(read.RECANT_SIGNING_KEY_FILE),
    places: placesOf(read),
    people: openIdPeople(read, Date.now),
    actionRows: read.RECANT_ALARM_ROWS,
    leaseMs: read.RECANT_AGENT_LEASE_MS,
    webhooks: webhooksOf(read, env),
  };
}
