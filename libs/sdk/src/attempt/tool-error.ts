import { ERROR_MESSAGE_BYTES_MAX, isName } from '@recant/events';

/** Characters of a message that are looked at; what is kept of them is less. */
const LOOKED_AT_MAX = 65_536;

/** Name and message of whatever was thrown, masked, and cut to what an event holds. */
export function toolErrorOf(thrown: unknown, mask: (text: string) => string): { code: string; message: string } {
  try {
    const { name, code, message } = Object(thrown) as { name?: unknown; code?: unknown; message?: unknown };
    const label = [code, name].find((given): given is string => typeof given === 'string' && isName(given)) ?? 'error';
    const text = typeof message === 'string' ? message : typeof thrown === 'object' ? '' : String(thrown);
    const masked = mask(label);
    return { code: isName(masked) ? masked : 'error', message: cut(mask(bounded(text))) };
  } catch {
    return { code: 'error', message: '' };
  }
}

/** Without the word that the bound falls into: half of a secret is not recognised as one. */
function bounded(text: string): string {
  let end = Math.min(text.length, LOOKED_AT_MAX);
  while (end > 0 && end < text.length && !/\s/.test(text[end - 1] as string)) end -= 1;
  return text.slice(0, end);
}

function cut(text: string): string {
  const sound = text.slice(0, ERROR_MESSAGE_BYTES_MAX).replaceAll('\u0000', '\ufffd').toWellFormed();
  const bytes = Buffer.from(sound);
  // A cut within a character leaves U+FFFD, which is three bytes long: room for it is left.
  return bytes.length <= ERROR_MESSAGE_BYTES_MAX ? sound : bytes.subarray(0, ERROR_MESSAGE_BYTES_MAX - 3).toString();
}
