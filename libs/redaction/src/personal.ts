import {
  digitsOf,
  isBrazilianTaxId,
  isGermanTaxId,
  isIban,
  isItalianTaxCode,
  isSpanishId,
  luhn,
  remainder,
  weighted,
} from './checksums.ts';
import { isIpv4, isIpv6 } from './ip.ts';
import type { RedactionRule } from './rule.ts';
import { valueAfterName } from './value-after-name.ts';

/** Lengths of IBANs by country (SWIFT registry, release 99). */
const IBAN_LENGTHS = new Map(
  [
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23',
    'GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30',
    'NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20',
  ]
    .join(' ')
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);
/** Prefixes and lengths of payment card numbers (ISO/IEC 7812): Visa, Mastercard, American Express, Diners, Discover and JCB and UnionPay, Maestro. */
const CARDS: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^4/, [19, 16, 13]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:30[0-5]|3[689])/, [19, 16, 14]],
  [/^(?:6011|64[4-9]|65|35(?:2[89]|[3-8])|62)/, [19, 18, 17, 16]],
  [/^(?:5018|5020|5038|5893|6304|6759|676[123])/, [19, 18, 17, 16, 15, 14, 13, 12]],
];

/** Length of the prefix with the first `count` letters and digits; 0 if another letter or digit follows directly. */
function prefixLength(piece: string, count: number): number {
  let seen = 0;
  for (let index = 0; index < piece.length; index += 1) {
    if (!/[A-Za-z0-9]/.test(piece[index] as string)) continue;
    seen += 1;
    if (seen === count) return /[A-Za-z0-9]/.test(piece[index + 1] ?? '') ? 0 : index + 1;
  }
  return 0;
}

function ibanIn(piece: string): number {
  const text = piece.replaceAll(' ', '');
  const count = IBAN_LENGTHS.get(text.slice(0, 2).toUpperCase()) ?? Number.POSITIVE_INFINITY;
  return text.length >= count && isIban(text.slice(0, count)) ? prefixLength(piece, count) : 0;
}

function cardIn(piece: string): number {
  const digits = digitsOf(piece);
  const lengths = CARDS.find(([beginning]) => beginning.test(digits))?.[1] ?? [];
  for (const count of lengths) {
    const length = digits.length >= count && luhn(digits.slice(0, count)) ? prefixLength(piece, count) : 0;
    if (length > 0) return length;
  }
  return 0;
}

function phoneIn(piece: string): number {
  const count = digitsOf(piece).length;
  return count >= 8 && count <= 15 ? piece.length : 0;
}

const whole = (is: (digits: string) => boolean) => (piece: string) => (is(digitsOf(piece)) ? piece.length : 0);
const rule = (name: string, pattern: RegExp, take?: (piece: string) => number): RedactionRule => ({
  name,
  matches: { pattern, ...(take === undefined ? {} : { take }) },
  treat: 'seal',
});

/** Members whose value is always personal. */
const PERSONAL_KEYS = [
  ...['first_name', 'last_name', 'full_name', 'given_name', 'family_name', 'maiden_name', 'surname', 'birth_date', 'birthdate', 'birthday'],
  ...['date_of_birth', 'dob', 'email', 'email_address', 'phone', 'phone_number', 'mobile', 'mobile_number', 'street', 'street_address'],
  ...['home_address', 'postal_address', 'postal_code', 'zip_code', 'ssn', 'social_security_number', 'tax_id', 'national_id', 'passport'],
  ...['passport_number', 'iban', 'account_number', 'card_number', 'cvv', 'cvc', 'bsn', 'nin'],
];

/** The same names in texts; short ones must not be the end of a longer word. */
const PERSONAL_WORDS = PERSONAL_KEYS.map((key) => `${key.length < 6 ? '(?<![a-z])' : ''}${key.replaceAll('_', '[_-]?')}`).join('|');
/** Texts after such a name that are not values: parameters, types, other names. */
const NO_VALUE = /^(?:\$\d{1,4}|\?|%s|[:@$][a-z_]\w{0,63}|null|none|undefined|true|false|string|text|varchar|boolean|any)$/i;

/** Enabled by `personal`. Sealed rather than masked: an operator may need to read the values, and a person may request their erasure. */
export const PERSONAL_RULES: readonly RedactionRule[] = [
  rule(
    'email',
    /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}(?:@|%40)[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){0,8}\.\p{L}{2,24}(?![\p{L}\p{N}])/u,
  ),
  rule('iban', /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}/i, ibanIn),
  rule('payment-card', /(?<![\w.-])\d(?:[ -]?\d){11,18}/, cardIn),
  rule('us-ssn', /(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])/),
  rule('de-tax-id', /(?<![\w.-])[1-9](?: ?\d){10}(?![\w-])/, whole(isGermanTaxId)),
  rule('uk-nino', /(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)/),
  rule(
    'fr-nir',
    /(?<![\w.-])[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?!\w)/,
    whole((digits) => 97 - remainder(digits.slice(0, 13), 97) === Number(digits.slice(13))),
  ),
  rule('es-id', /(?<!\w)(?:[XYZ]\d{7}|\d{8})[A-Z](?!\w)/i, (piece) => (isSpanishId(piece) ? piece.length : 0)),
  rule('it-tax-code', /(?<!\w)[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z](?!\w)/i, (piece) =>
    isItalianTaxCode(piece) ? piece.length : 0,
  ),
  rule('br-tax-id', /(?<![\w.-])\d{3}\.\d{3}\.\d{3}-\d{2}(?!\w)/, whole(isBrazilianTaxId)),
  rule(
    'ch-ahv',
    /(?<![\w.-])756\.\d{4}\.\d{4}\.\d{2}(?!\w)/,
    whole((digits) => weighted(digits, [1, 3]) % 10 === 0),
  ),
  rule('phone', /(?<![\w+.-])(?:\+|00(?=[1-9]))\(?[1-9](?:[ .()/-]{0,3}\d){6,14}(?!\w)/, phoneIn),
  rule('phone', /(?<![\w.-])(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-])/),
  rule('phone', /(?<![\w.-])\(?0\d{2,5}\)?[ /-]{1,3}\d{3,9}(?:[ -]\d{1,8}){0,2}(?![\w-])/, phoneIn),
  rule('ip-address', /(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)/, (piece) => (isIpv4(piece) ? piece.length : 0)),
  rule('ip-address', /(?<![\w.:])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])/, (piece) =>
    isIpv6(piece) && piece !== '::' ? piece.length : 0,
  ),
  rule('mac-address', /(?<![\w:-])(?:(?:[0-9A-F]{2}:){5}|(?:[0-9A-F]{2}-){5})[0-9A-F]{2}(?![\w:-])/i),
  rule('personal-text', valueAfterName(PERSONAL_WORDS), (piece) => (NO_VALUE.test(piece) ? 0 : piece.length)),
  { name: 'personal-field', matches: { keys: PERSONAL_KEYS }, treat: 'seal' },
];
