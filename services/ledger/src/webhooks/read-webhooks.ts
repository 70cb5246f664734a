import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ALARM_CODES, type AlarmCode } from '@recant/api';
import { ConfigError, type Env, isLoopback } from '@recant/service';
import { z } from 'zod';
import { parseSecret, type WebhookSecret } from './sign.ts';

export interface Webhook {
  readonly name: string;
  readonly url: URL;
  /** The first is the current one. Empty: messages are not signed (format `slack` only). */
  readonly secrets: readonly WebhookSecret[];
  /** Codes of the alarms that it is sent. */
  readonly codes: readonly AlarmCode[];
  readonly format: 'recant' | 'slack';
}

export const WEBHOOKS_ENV = {
  /** JSON file of webhooks. */
  RECANT_WEBHOOKS_FILE: z.string().min(1).optional(),
} as const;

const WEBHOOKS_MAX = 20;
const SECRETS_MAX = 5;
const CODES = Object.keys(ALARM_CODES) as AlarmCode[];
const place = z.string('must be a text').min(1, 'must not be empty').optional();

const Entry = z.strictObject({
  name: z.string('must be a name').regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'must be at most 40 lower-case letters, digits and hyphens'),
  url: place,
  urlFile: place,
  urlEnv: place,
  secretFile: place,
  secretEnv: place,
  conditions: z
    .array(z.enum(CODES as [AlarmCode, ...AlarmCode[]], `must be among ${CODES.join(', ')}`))
    .min(1, 'must not be empty')
    .optional(),
  format: z.enum(['recant', 'slack'], 'must be recant or slack').default('recant'),
});
type Entry = z.output<typeof Entry>;

const WebhooksFile = z.strictObject({ webhooks: z.array(Entry, 'must be a list').max(WEBHOOKS_MAX, `must be at most ${WEBHOOKS_MAX}`) });

/** The configured webhooks; none without RECANT_WEBHOOKS_FILE. Sends nothing. @throws ConfigError naming all problems, without any secret */
export function webhooksOf(read: z.output<z.ZodObject<typeof WEBHOOKS_ENV>>, env: Env): readonly Webhook[] {
  return read.RECANT_WEBHOOKS_FILE === undefined ? [] : readWebhooks(read.RECANT_WEBHOOKS_FILE, env);
}

/** @param env values for `urlEnv` and `secretEnv`. @throws ConfigError */
export function readWebhooks(file: string, env: Env): readonly Webhook[] {
  const { webhooks } = parseFile(file);
  const problems: string[] = [];
  const found = webhooks.map((entry, index) => {
    const refuse = (field: string, what: string): undefined => {
      problems.push(`RECANT_WEBHOOKS_FILE: ${file}: webhooks[${index}].${field}: ${what}`);
      return undefined;
    };
    if (webhooks.findIndex(({ name }) => name === entry.name) !== index) refuse('name', `${entry.name} is there twice`);
    const source = { env, folder: dirname(file), refuse };
    const url = urlOf(entry, source);
    const secrets = secretsOf(entry, source);
    return { name: entry.name, url, secrets, codes: entry.conditions ?? CODES, format: entry.format };
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return found as readonly Webhook[];
}

/** The files from which secrets and secret addresses are read. @throws ConfigError */
export function webhookFiles({ RECANT_WEBHOOKS_FILE: file }: z.output<z.ZodObject<typeof WEBHOOKS_ENV>>): readonly string[] {
  if (file === undefined) return [];
  const named = parseFile(file).webhooks.flatMap(({ urlFile, secretFile }) => [urlFile ?? [], secretFile ?? []].flat());
  return [...new Set(named.map((path) => resolve(dirname(file), path)))];
}

function parseFile(file: string): z.output<typeof WebhooksFile> {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The text of a syntax error quotes the file, which may contain a secret address.
    throw new ConfigError([`RECANT_WEBHOOKS_FILE: ${file} is not ${code === undefined ? 'JSON' : `readable (${code})`}`]);
  }
  const parsed = WebhooksFile.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new ConfigError(parsed.error.issues.map(({ path, message }) => `RECANT_WEBHOOKS_FILE: ${file}: ${pathText(path)}${message}`));
}

function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return text === '' ? '' : `${text.replace(/^\./, '')}: `;
}

interface Source {
  readonly env: Env;
  /** Folder of the file: relative paths start there. */
  readonly folder: string;
  readonly refuse: (field: string, what: string) => undefined;
}

function urlOf(entry: Entry, source: Source): URL | undefined {
  const text = textOf(entry, ['url', 'urlFile', 'urlEnv'], source);
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return source.refuse('url', 'must be an https address');
  if (url.protocol === 'http:' && !isLoopback(url)) return source.refuse('url', 'must be https, or http on a loopback address');
  if (url.username !== '' || url.password !== '')
    return source.refuse('url', 'must not contain a user or password; receivers check the signature');
  return url;
}

function secretsOf(entry: Entry, source: Source): readonly WebhookSecret[] | undefined {
  if (entry.format === 'slack' && entry.secretFile === undefined && entry.secretEnv === undefined) return [];
  const text = textOf(entry, ['secretFile', 'secretEnv'], source);
  if (text === undefined) return undefined;
  const lines = text.split(/\s+/).filter((line) => line !== '');
  const secrets = lines.flatMap((line) => parseSecret(line) ?? []);
  if (lines.length === 0 || lines.length > SECRETS_MAX || secrets.length < lines.length)
    return source.refuse(
      entry.secretFile === undefined ? 'secretEnv' : 'secretFile',
      `must be 1 to ${SECRETS_MAX} secrets, one a line, each whsec_ and 24 to 64 bytes in base64: echo "whsec_$(openssl rand -base64 32)"`,
    );
  return secrets;
}

/** The value of exactly one of the fields: literal, from a file or from the environment. */
function textOf(entry: Entry, fields: readonly (keyof Entry)[], { env, folder, refuse }: Source): string | undefined {
  const given = fields.filter((field) => entry[field] !== undefined);
  const [field] = given;
  if (field === undefined || given.length > 1)
    return refuse(fields[0] as string, `expected exactly one of ${fields.join(', ')}, got ${given.length}`);
  const value = entry[field] as string;
  if (field.endsWith('Env')) return env[value]?.trim() || refuse(field, `the environment variable ${value} is not set`);
  if (!field.endsWith('File')) return value;
  const path = resolve(folder, value);
  try {
    return readFileSync(path, 'utf8').trim() || refuse(field, `${path} is empty`);
  } catch (error) {
    return refuse(field, `${path} is not readable (${(error as NodeJS.ErrnoException).code})`);
  }
}
