import { createHash } from 'node:crypto';
import { AnchorError } from '@recant/ledger';
import { NOTE_BYTES_MAX } from '@recant/transparency';
import { AwsV4Signer } from 'aws4fetch';
import { ANSWER_MS_MAX, type Answer, ask } from '../answer.ts';

export interface BucketOptions {
  /** `https://s3.eu-central-1.amazonaws.com`; the bucket is named in the path. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly timeoutMs?: number;
  /** Milliseconds since 1970, UTC; S3 rejects requests that are 15 minutes off. */
  readonly clock: () => number;
}

/** Twice a note: fits an object, or a page of a list. */
const ANSWER_BYTES_MAX = 2 * NOTE_BYTES_MAX;

/** One bucket over the S3 API (SigV4, path style). Each call is one request, never repeated here. */
export interface Bucket {
  /** `exists`: an object exists and was not changed. `unconditional`: the store does not support `If-None-Match`. */
  create(key: string, bytes: Uint8Array): Promise<'created' | 'exists' | 'unconditional'>;
  /** Replaces an existing object. */
  overwrite(key: string, bytes: Uint8Array): Promise<void>;
  read(key: string): Promise<Uint8Array | undefined>;
  /** The first `count` names with the prefix and after `after`, in byte order. */
  list(prefix: string, count: number, after?: string): Promise<readonly Listed[]>;
}

export interface Listed {
  readonly key: string;
  /** Milliseconds since 1970, UTC, by the store's clock; undefined if absent from the list. */
  readonly modifiedMs: number | undefined;
}

/** @throws (each method) AnchorError `anchor_unavailable` */
export function openBucket(options: BucketOptions): Bucket {
  const root = `${options.endpoint.replace(/\/+$/, '')}/${encodeURIComponent(options.bucket)}`;
  const call = async (method: string, path: string, body?: Uint8Array, headers: Record<string, string> = {}): Promise<Answer> => {
    const request = await signed(options, { method, url: `${root}${path}`, body, headers });
    try {
      return await ask(request, ANSWER_BYTES_MAX, options.timeoutMs ?? ANSWER_MS_MAX);
    } catch (cause) {
      throw unavailable(options, `is unreachable (${(cause as Error).message}): check the endpoint and the network`, cause);
    }
  };
  return {
    async create(key, bytes) {
      const answer = await call('PUT', `/${key}`, bytes, { 'if-none-match': '*' });
      if (answer.status === 200) return 'created';
      if (answer.status === 412) return 'exists';
      if (answer.status === 501) return 'unconditional';
      throw refused(options, answer);
    },
    async overwrite(key, bytes) {
      const answer = await call('PUT', `/${key}`, bytes);
      if (answer.status !== 200) throw refused(options, answer);
    },
    async read(key) {
      const answer = await call('GET', `/${key}`);
      if (answer.status === 200) return answer.body;
      // A missing bucket is 404 too, and must not look like a missing object.
      if (answer.status === 404 && codeOf(answer) === 'NoSuchKey') return undefined;
      throw refused(options, answer);
    },
    async list(prefix, count, after) {
      const query = new URLSearchParams({ 'list-type': '2', prefix, 'max-keys': String(count) });
      if (after !== undefined) query.set('start-after', after);
      const answer = await call('GET', `?${query}`);
      const text = new TextDecoder().decode(answer.body);
      // Another answer (a portal's, a proxy's) must not look like an empty list.
      if (answer.status !== 200 || !/<ListBucketResult[\s>]/.test(text)) throw refused(options, answer);
      return [...text.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, content = '']) => listedIn(content));
    },
  };
}

interface Call {
  readonly method: string;
  readonly url: string;
  readonly body: Uint8Array | undefined;
  readonly headers: Record<string, string>;
}

/** Signs the body's digest too, so that no intermediary can change the checkpoint. */
async function signed(options: BucketOptions, { method, url, body, headers }: Call): Promise<Request> {
  const { accessKeyId, secretAccessKey, sessionToken, region } = options;
  const digest = createHash('sha256')
    .update(body ?? '')
    .digest('hex');
  const signer = new AwsV4Signer({
    method,
    url,
    headers: { ...headers, 'x-amz-content-sha256': digest },
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    service: 's3',
    region,
    datetime: new Date(options.clock()).toISOString().replace(/[:-]|\.\d{3}/g, ''),
  });
  const made = await signer.sign();
  return new Request(made.url, { method, headers: made.headers, ...(body === undefined ? {} : { body: Buffer.from(body) }) });
}

const ADVICE = new Map(
  Object.entries({
    AccessDenied: 'allow this key s3:GetObject and s3:ListBucket, and s3:PutObject for anchoring',
    InvalidAccessKeyId: 'correct the access key id',
    NoSuchBucket: 'create the bucket, or correct its name',
    PermanentRedirect: 'set the region of the bucket',
    AuthorizationHeaderMalformed: 'set the region of the bucket',
    RequestTimeTooSkewed: 'correct the clock of this machine',
    SignatureDoesNotMatch: 'correct the secret access key',
  }),
);

function refused(options: BucketOptions, answer: Answer): AnchorError {
  const code = codeOf(answer);
  return unavailable(options, `answers ${answer.status}${code && ` ${code}`}: ${ADVICE.get(code) ?? 'will be retried'}`);
}

/** `<Error><Code>…`, or empty. Restricted to letters and digits, because it becomes part of a message. */
function codeOf({ body }: Answer): string {
  return /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(new TextDecoder().decode(body.subarray(0, 8_192)))?.[1] ?? '';
}

function listedIn(content: string): Listed {
  const modifiedMs = Date.parse(/<LastModified>([^<]*)<\/LastModified>/.exec(content)?.[1] ?? '');
  return {
    key: plain(/<Key>([^<]*)<\/Key>/.exec(content)?.[1] ?? ''),
    modifiedMs: Number.isNaN(modifiedMs) ? undefined : modifiedMs,
  };
}

const ENTITIES = new Map(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }));

/** Decodes XML entities, which only foreign object names contain. */
function plain(text: string): string {
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([a-z]{2,4}));/g, (whole, hex, decimal, name) => {
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return ENTITIES.get(name) ?? (code <= 0x10ffff ? String.fromCodePoint(code) : whole);
  });
}

function unavailable({ bucket, endpoint }: BucketOptions, what: string, cause?: unknown): AnchorError {
  return new AnchorError('anchor_unavailable', `Bucket ${bucket} at ${endpoint} ${what}.`, { cause });
}
