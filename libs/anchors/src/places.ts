import type { Anchor, Witness } from '@recant/ledger';
import { ConfigError, secret } from '@recant/service';
import { COSIGNATURE_TYPE, parseVerifierKey } from '@recant/transparency';
import { z } from 'zod';
import { type S3AnchorOptions, s3Anchor } from './s3/anchor.ts';
import { httpWitness } from './witness/http-witness.ts';

const Address = z.url({ protocol: /^https?$/, error: 'must be an address with http:// or https://' });

/** Environment variables for access to a bucket. */
export const BUCKET_ENV = {
  RECANT_ANCHOR_S3_REGION: z.string().min(1).default('us-east-1'),
  /** Default: Amazon's endpoint of the region. */
  RECANT_ANCHOR_S3_ENDPOINT: Address.optional(),
  RECANT_ANCHOR_S3_PREFIX: z
    .string()
    .regex(/^([A-Za-z0-9_-][A-Za-z0-9_.-]*\/)*$/, 'must be folder names of letters, digits, `_`, `-` and `.`, each followed by a slash')
    .default('recant/'),
  RECANT_ANCHOR_S3_ACCESS_KEY_ID: z.string().min(1).optional(),
  RECANT_ANCHOR_S3_SECRET_ACCESS_KEY: secret(z.string().min(1).optional()),
  RECANT_ANCHOR_S3_SESSION_TOKEN: secret(z.string().min(1).optional()),
} as const;

export type BucketEnv = z.output<z.ZodObject<typeof BUCKET_ENV>>;

/** Environment variables that configure anchors and witnesses. */
export const PLACES_ENV = {
  RECANT_ANCHOR_S3_BUCKET: z.string().min(3).max(63).optional(),
  ...BUCKET_ENV,
  /** `<address> <vkey>`, comma-separated. */
  RECANT_WITNESSES: z.string().default('').transform(parseWitnesses),
} as const;

export type PlacesEnv = z.output<z.ZodObject<typeof PLACES_ENV>>;

export interface Places {
  readonly anchors: readonly Anchor[];
  readonly witnesses: readonly Witness[];
}

/** Sends no request. @param clock milliseconds since 1970, UTC @throws ConfigError */
export function openPlaces(env: PlacesEnv, clock: () => number): Places {
  return {
    anchors: env.RECANT_ANCHOR_S3_BUCKET === undefined ? [] : [s3Anchor(bucketOf(env, env.RECANT_ANCHOR_S3_BUCKET, clock))],
    witnesses: env.RECANT_WITNESSES.map(({ url, vkey }) => httpWitness({ url, vkey, clock })),
  };
}

/** Options of one bucket from the environment. @throws ConfigError */
export function bucketOf(env: BucketEnv, bucket: string, clock: () => number): S3AnchorOptions {
  const region = env.RECANT_ANCHOR_S3_REGION;
  const accessKeyId = env.RECANT_ANCHOR_S3_ACCESS_KEY_ID;
  const secretAccessKey = env.RECANT_ANCHOR_S3_SECRET_ACCESS_KEY;
  const sessionToken = env.RECANT_ANCHOR_S3_SESSION_TOKEN;
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new ConfigError([
      `Bucket ${bucket} needs RECANT_ANCHOR_S3_ACCESS_KEY_ID and RECANT_ANCHOR_S3_SECRET_ACCESS_KEY: set both, or remove the bucket`,
    ]);
  return {
    endpoint: env.RECANT_ANCHOR_S3_ENDPOINT ?? `https://s3.${region}.amazonaws.com`,
    region,
    bucket,
    prefix: env.RECANT_ANCHOR_S3_PREFIX,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    clock,
  };
}

interface WitnessPlace {
  readonly url: string;
  readonly vkey: string;
}

function parseWitnesses(text: string, context: z.RefinementCtx): WitnessPlace[] {
  const places: WitnessPlace[] = [];
  const refuse = (message: string): void => context.addIssue({ code: 'custom', message });
  for (const item of text.split(',').map((part) => part.trim())) {
    if (item === '') continue;
    const [url = '', vkey = '', ...more] = item.split(/\s+/);
    if (more.length > 0 || vkey === '' || !Address.safeParse(url).success) refuse('must be `<address> <vkey>`, comma-separated');
    else if (!isWitnessKey(vkey)) refuse(`${vkey} is not a witness vkey (\`recant witness\` prints its own)`);
    else if (places.some((other) => nameIn(other.vkey) === nameIn(vkey))) refuse(`duplicate witness ${nameIn(vkey)}`);
    else places.push({ url, vkey });
  }
  return places;
}

const nameIn = (vkey: string): string => vkey.slice(0, vkey.indexOf('+'));

function isWitnessKey(vkey: string): boolean {
  try {
    return parseVerifierKey(vkey).type === COSIGNATURE_TYPE;
  } catch {
    return false;
  }
}
