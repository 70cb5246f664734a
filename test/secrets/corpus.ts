import { createHash } from 'node:crypto';

/**
 * Values that must not leave an agent's process. None is real: secrets are built at run time from pieces and a seed, so that scanners of this
 * repository find none; personal values are examples published by the issuers of such numbers.
 */
export interface Planted {
  /** The rule that must match it. */
  readonly rule: string;
  readonly kind: 'secret' | 'personal';
  /** The bytes to search for. */
  readonly value: string;
  /** The value inside a program, query or message. Absent if only a member name identifies it. */
  readonly text?: string;
  /** Member name that identifies the value, if one does. */
  readonly key?: string;
  /** Recognised by its format alone, in any place, including a file name. */
  readonly shaped?: true;
}

const ALNUM = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const HEX = '0123456789abcdef';

/** Characters that follow from a seed: the same corpus every time. */
function characters(seed: string): (count: number, alphabet?: string) => string {
  let block = 0;
  return (count, alphabet = ALNUM) => {
    let text = '';
    for (; text.length < count; block += 1) {
      for (const byte of createHash('sha512').update(`${seed}/${block}`).digest()) text += alphabet[byte % alphabet.length];
    }
    return text.slice(0, count);
  };
}

export function corpus(seed = 'recant'): readonly Planted[] {
  return [...tokens(characters(`${seed}/tokens`)), ...named(characters(`${seed}/named`)), ...personal()];
}

type Characters = ReturnType<typeof characters>;

function tokens(some: Characters): Planted[] {
  const found = (rule: string, ...pieces: string[]): Planted => {
    const value = pieces.join('');
    return { rule, kind: 'secret', value, text: `curl -H 'x-auth: ${value}' https://api.example/v1`, shaped: true };
  };
  const pem = (label: string): Planted => {
    const lines = Array.from({ length: 8 }, () => some(64));
    const [begin, end] = ['BEGIN', 'END'].map((word) => `-----${word} ${label}-----`);
    return {
      rule: 'private-key',
      kind: 'secret',
      value: lines[3] as string,
      text: `cat > key <<X\n${begin}\n${lines.join('\n')}\n${end}\nX`,
    };
  };
  const webhook = `T${some(9, UPPER)}/B${some(9, UPPER)}/${some(24)}`;
  const part = (object: object): string => Buffer.from(JSON.stringify(object)).toString('base64url');
  return [
    found('aws-access-key', 'AK', 'IA', some(16, UPPER)),
    found('aws-access-key', 'AS', 'IA', some(16, UPPER)),
    found('aws-secret-key', 'aA1+', some(36)),
    found('github-token', 'gh', 'p_', some(36)),
    found('github-token', 'gh', 'o_', some(36)),
    found('github-token', 'gh', 's_', some(36)),
    found('github-token', 'github', '_pat_', some(22), '_', some(59)),
    found('gitlab-token', 'gl', 'pat-', some(20)),
    found('gitlab-token', 'gl', 'dt-', some(20)),
    found('slack-token', 'xo', 'xb-', some(12, '0123456789'), '-', some(12, '0123456789'), '-', some(24)),
    found('slack-token', 'xo', 'xp-', some(12, '0123456789'), '-', some(24)),
    found('slack-token', 'xa', 'pp-1-', some(40)),
    { rule: 'slack-webhook', kind: 'secret', value: webhook, text: `curl https://hooks.slack.com/services/${webhook}` },
    found('stripe-key', 'sk', '_live_', some(24)),
    found('stripe-key', 'rk', '_test_', some(24)),
    found('stripe-key', 'wh', 'sec_', some(32)),
    found('anthropic-key', 'sk', '-ant-', 'api03-', some(95)),
    found('openai-key', 'sk', '-proj-', some(64)),
    found('openai-key', 'sk', '-', some(48)),
    found('google-key', 'AI', 'za', some(35)),
    found('google-key', 'ya', '29.', some(64)),
    found('google-key', 'GOC', 'SPX-', some(28)),
    found('npm-token', 'np', 'm_', some(36)),
    found('pypi-token', 'py', 'pi-AgEIcHlwaS5vcmc', some(70)),
    found('sendgrid-key', 'S', 'G.', some(22), '.', some(43)),
    found('twilio-key', 'S', 'K', some(32, HEX)),
    found('recant-key', 'rec', 'ant_', some(20, HEX), '_', some(43)),
    found('jwt', part({ alg: 'HS256', typ: 'JWT' }), '.', part({ sub: some(8), exp: 4_102_444_800 }), '.', some(43)),
    pem('RSA PRIVATE KEY'),
    pem('OPENSSH PRIVATE KEY'),
    pem('PGP PRIVATE KEY BLOCK'),
    found('age-key', 'AGE-SEC', 'RET-KEY-1', some(58, UPPER)),
    found('vendor-token', 'h', 'f_', some(34)),
    found('vendor-token', 'do', 'p_v1_', some(64, HEX)),
    found('vendor-token', 'sh', 'pat_', some(32, HEX)),
    found('vendor-token', 'da', 'pi', some(32, HEX)),
    found('vendor-token', 'dck', 'r_pat_', some(27)),
    found('vendor-token', 'hv', 's.', some(90)),
    found('vendor-token', 'gl', 'sa_', some(32), '_', some(8, HEX)),
    found('vendor-token', 'lin_', 'api_', some(40)),
    found('vendor-token', 'rubyg', 'ems_', some(48, HEX)),
    found('vendor-token', 'gs', 'k_', some(52)),
    found('vendor-token', 'xa', 'i-', some(80)),
    found('vendor-token', 'ke', 'y-', some(32, HEX)),
    found('vendor-token', some(9, '123456789'), ':', 'AA', some(33)),
  ];
}

/** Values that only the name next to them identifies. */
function named(some: Characters): Planted[] {
  const found = (rule: string, value: string, text: string, key?: string): Planted => ({
    rule,
    kind: 'secret',
    value,
    text: text.replace('%', () => value),
    ...(key === undefined ? {} : { key }),
  });
  const basic = Buffer.from(`deploy:${some(12)}`).toString('base64');
  return [
    found('url-password', `pw${some(14)}`, 'psql postgres://app:%@db.internal:5432/shop'),
    found('url-password', `pw${some(14)}`, 'DATABASE=mysql://root:%@10.0.0.4/shop?ssl=1'),
    found('url-password', `pw${some(14)}`, 'mongodb+srv://svc:%@cluster0.example.net/?w=majority'),
    found('url-password', `pw${some(14)}`, 'redis://:%@cache:6379/0'),
    found('url-password', `pw${some(14)}`, 'git clone https://bot:%@git.example/repo.git'),
    found('authorization', some(24), 'Authorization: ApiKey %'),
    found('bearer', `b${some(31)}1`, 'sent with Bearer %, and refused'),
    found('basic', basic, 'curl -H "x: Basic %"'),
    found('cookie', `sid=${some(24)}`, 'Cookie: %'),
    found('password', `hunter-${some(6)}`, 'mysql --user root --password=%', 'password'),
    found('password', `tiger ${some(6)} tiger`, "ALTER ROLE app PASSWORD '%'", 'dbPassword'),
    found('password', `lion-${some(6)}`, `{\\"user\\":\\"app\\",\\"passwd\\":\\"%\\"}`, 'PGPASSWORD'),
    found('password', `bear-${some(6)}`, "CREATE USER app IDENTIFIED BY '%'", 'user_passphrase'),
    found('password', `wolf-${some(6)}`, 'client_secret: %', 'client_secret'),
    found('token', `0${some(31)}`, 'API_KEY=% node app.js', 'apiKey'),
    found('token', `1${some(40)}`, '"access_token": "%"', 'access-token'),
    found('token', `2${some(31, HEX)}`, 'https://store.example/blob?sv=1&sig=%', 'signature'),
    found('token', `3${some(63)}`, 'aws_secret_access_key = %', 'SecretAccessKey'),
    found('password', `lynx-${some(6)}`, 'SMTP_PASS=% node mail.js', 'pass'),
    found('password', `hare-${some(6)}`, 'user[password_confirmation]=%', 'password2'),
  ];
}

function personal(): Planted[] {
  const found = (rule: string, value: string, text = 'Call the customer (%) back'): Planted => ({
    rule,
    kind: 'personal',
    value,
    text: text.replace('%', () => value),
    shaped: true,
  });
  const beside = (value: string, key: string): Planted => ({ rule: 'personal-field', kind: 'personal', value, key });
  return [
    found('email', 'ada.lovelace@example.com'),
    found('email', 'ada+orders@mail.example.co.uk', "UPDATE customer SET mail = '%' WHERE id = 7"),
    found('email', 'grüße@exämple.de'),
    found('iban', 'DE89370400440532013000'),
    found('iban', 'GB29 NWBK 6016 1331 9268 19', 'refund to % today please'),
    found('iban', 'NL91ABNA0417164300'),
    found('payment-card', '4111 1111 1111 1111', 'card % 12/30'),
    found('payment-card', '5555555555554444'),
    found('payment-card', '378282246310005'),
    found('payment-card', '30569309025904'),
    found('us-ssn', '078-05-1120'),
    found('de-tax-id', '86095742719'),
    found('uk-nino', 'AB 12 34 56 C'),
    found('fr-nir', '2 55 08 14 168 025 38'),
    found('es-id', '12345678Z'),
    found('es-id', 'X1234567L'),
    found('it-tax-code', 'MRTMTT91D08F205J'),
    found('br-tax-id', '529.982.247-25'),
    found('ch-ahv', '756.9217.0769.85'),
    found('phone', '+49 30 901820'),
    found('phone', '+1 (202) 555-0143'),
    found('phone', '202-555-0187'),
    found('phone', '030 / 9018-2000', 'Tel. %'),
    found('ip-address', '203.0.113.77'),
    found('ip-address', '2001:db8:85a3::8a2e:370:7334'),
    found('mac-address', '00:00:5E:00:53:AF'),
    beside('Lovelace-Byron', 'lastName'),
    beside('10 December 1815', 'date_of_birth'),
    beside('12 St James Square', 'streetAddress'),
  ];
}
