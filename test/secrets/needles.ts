import { percentEncode } from '@recant/events';

/** Shorter needles would be found by chance. */
const BYTES_MIN = 9;
/** Characters of an encoded form: shorter ones occur in hexadecimal digests by chance. */
const FORM_CHARACTERS_MIN = 12;

/** Bytes to search for, and the value that they encode. */
export interface Needle {
  readonly bytes: Buffer;
  readonly value: number;
  readonly form: string;
}

/** Every encoding in which a component that does not know the value could write it. */
export function needlesOf(values: readonly string[]): readonly Needle[] {
  return values.flatMap((text, value) => {
    const seen = new Set<string>();
    return formsOf(text).flatMap(([form, bytes]) => {
      const id = bytes.toString('latin1');
      if (seen.has(id) || bytes.length < BYTES_MIN) return [];
      seen.add(id);
      return [{ bytes, value, form }];
    });
  });
}

function formsOf(value: string): (readonly [form: string, bytes: Buffer])[] {
  const once = JSON.stringify(value).slice(1, -1);
  const texts: (readonly [string, string])[] = [
    ['json', once],
    ['json in json', JSON.stringify(once).slice(1, -1)],
    ['json in ascii', [...value].map(asciiOf).join('')],
    ['url', encodeURIComponent(value)],
    ['resource', percentEncode(value)],
    ['form', encodeURIComponent(value).replaceAll('%20', '+')],
    ['sql', value.replaceAll("'", "''")],
    ['lower case', value.toLowerCase()],
    ['upper case', value.toUpperCase()],
    ['without spaces', value.replace(/[\s().-]+/g, '')],
    ['hex', Buffer.from(value).toString('hex')],
    ['HEX', Buffer.from(value).toString('hex').toUpperCase()],
    ...base64Of(value),
  ];
  return [
    ['as it is', Buffer.from(value)],
    ['utf-16', Buffer.from(value, 'utf16le')],
    ...texts.filter(([, text]) => text.length >= FORM_CHARACTERS_MIN).map(([form, text]) => [form, Buffer.from(text)] as const),
  ];
}

/** JSON string escapes for everything outside ASCII. */
const asciiOf = (character: string): string =>
  JSON.stringify(character)
    .slice(1, -1)
    .replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Base64 of the value at each of the three alignments, without the characters that also encode neighbouring bytes. */
function base64Of(value: string): (readonly [form: string, text: string])[] {
  return [0, 1, 2].flatMap((shift) => {
    const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(value)]);
    const first = Math.ceil((shift * 8) / 6);
    const last = Math.floor((bytes.length * 8) / 6);
    const forms = ['base64', 'base64url'] as const;
    return forms.map((form) => [`${form} from ${shift}`, bytes.toString(form).slice(first, last)] as const);
  });
}
