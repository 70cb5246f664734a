import { TransparencyError } from '../error.ts';
import { KEY_NAME_BYTES_MAX } from '../limits.ts';
import { encodeUtf8 } from '../text/utf8.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern finds control characters
const FORBIDDEN = /[\p{White_Space}+\u0000-\u001f]/u;

/** C2SP signed-note: not empty, no Unicode space, no plus. */
export function requireKeyName(name: string): void {
  if (name === '' || FORBIDDEN.test(name) || encodeUtf8(name).length > KEY_NAME_BYTES_MAX) {
    throw new TransparencyError('name_invalid', `invalid key name (expected no spaces and no plus): ${JSON.stringify(name.slice(0, 80))}`);
  }
}
