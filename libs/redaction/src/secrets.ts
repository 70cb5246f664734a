import { looksRandom } from './randomness.ts';
import type { RedactionRule } from './rule.ts';
import { TOKEN_RULES } from './tokens.ts';
import { valueAfterName } from './value-after-name.ts';

/** Members whose value is always secret (SECRET_KEYS), and those whose value is secret if it looks generated (TOKEN_KEYS). */
const SECRET_KEYS = [
  ...['passwords', 'passphrases', 'password_confirmation', 'password_confirm', 'secret_string'],
  ...['password', 'passwd', 'pwd', 'passphrase', 'passcode', 'secret', 'secrets', 'private_key', 'credential', 'credentials'],
  ...['authorization', 'cookie', 'cookies', 'set_cookie', 'pgpassword', 'connection_string'],
];
const TOKEN_KEYS = [
  ...['token', 'tokens', 'api_key', 'apikey', 'access_key', 'accesskey', 'secret_key', 'secretkey', 'auth', 'auth_key', 'account_key'],
  ...['encryption_key', 'signing_key', 'sig', 'signature', 'webhook'],
];

/** `SET password TO value` */
const TO = '\\s{1,4}to\\s{1,4}';
const SECRET_WORDS = 'pass(?:word|wd|phrase|code)(?:[_-]?confirm(?:ation)?|\\d{1,2})?|pwd|secret|private[_-]?key|identified\\s+by';
/** `SMTP_PASS`, `"pass"`, `--pass`, `pass = '...'`: elsewhere in texts the word has other meanings. */
const PASS_WORD = `(?<=[_"'\`]|--)pass|(?<![a-z])pass(?=\\s{0,4}=\\s{0,4}["'])`;
const TOKEN_WORDS =
  '(?:token|api[_-]?key|(?:access|account|auth|encryption|signing|secret)[_-]?(?:access[_-]?)?key|[?&]sig|signature|webhook|credentials?|(?<![a-z])auth)';

/** Texts after a name that are not secrets: placeholders, types, look-ups in the environment. */
const NO_VALUE = new RegExp(
  `^(?:${[
    '\\$\\d{1,4}|\\?|%s|%\\(\\w{1,64}\\)s|[:@$](?:password|passwd|pass|pwd|secret|token|key)|\\$[A-Z_][A-Z0-9_]{0,63}|\\$?\\{\\{?[\\w .]{1,64}\\}{0,2}',
    '<[a-z _-]{1,64}>|null|none|nil|undefined|true|false|string|str|boolean|bool|any|unknown',
    'process\\.env\\b.{0,255}|os\\.(?:environ|getenv)\\b.{0,255}|\\*{3,64}|\\[?redacted\\]?',
  ].join('|')})$`,
  'i',
);

const isValue = (piece: string): number => (NO_VALUE.test(piece) ? 0 : piece.length);
/** Excludes numbers, because `pass` is also the name of a counter of passed tests. */
const isPass = (piece: string): number => (/^\d{1,6}$/.test(piece) ? 0 : isValue(piece));
const isToken = (piece: string): number => (looksRandom(piece) && !NO_VALUE.test(piece) ? piece.length : 0);

/** Enabled by default. Masked, not sealed: nobody needs to recover a credential from a record. */
export const SECRET_RULES: readonly RedactionRule[] = [
  ...TOKEN_RULES,
  {
    name: 'url-password',
    matches: { pattern: /(?<=\b[a-z][a-z0-9+.-]{1,30}:\/\/[^\s:@/?#"']{0,256}:)[^\s/"']{1,256}(?=@)/i },
    treat: 'mask',
  },
  {
    name: 'authorization',
    matches: { pattern: /\b(?:proxy-)?authorization\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?([^"'\\\r\n]+)/i },
    treat: 'mask',
  },
  { name: 'cookie', matches: { pattern: /\b(?:set-)?cookie\\?["']?\s{0,4}:\s{0,4}\\?["']?([^"'\\\r\n]+)/i }, treat: 'mask' },
  {
    name: 'bearer',
    matches: {
      pattern: /\bbearer\s{1,4}([A-Za-z0-9._~+/=-]{12,})/i,
      take: isToken,
    },
    treat: 'mask',
  },
  {
    name: 'basic',
    matches: {
      pattern: /\bbasic\s{1,4}([A-Za-z0-9+/=]{8,})/i,
      take: (piece) => (Buffer.from(piece.slice(0, 1_024), 'base64').includes(0x3a) ? piece.length : 0),
    },
    treat: 'mask',
  },
  { name: 'password', matches: { pattern: valueAfterName(SECRET_WORDS, TO), take: isValue }, treat: 'mask' },
  { name: 'password', matches: { pattern: valueAfterName(PASS_WORD), take: isPass }, treat: 'mask' },
  { name: 'token', matches: { pattern: valueAfterName(TOKEN_WORDS, TO), take: isToken }, treat: 'mask' },
  { name: 'secret-field', matches: { keys: SECRET_KEYS, take: isValue }, treat: 'mask' },
  { name: 'secret-field', matches: { keys: ['pass'], take: isPass }, treat: 'mask' },
  { name: 'token-field', matches: { keys: TOKEN_KEYS, take: isToken }, treat: 'mask' },
];
