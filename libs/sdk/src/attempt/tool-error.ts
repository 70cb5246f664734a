import { ERROR_MESSAGE_BYTES_MAX, isName } from '@recant/events';

/** Characters of a message that redaction scans; the recorded text is shorter. */
const SCANNED_CHARS_MAX = 65_536;

/** Name and message of a thrown value, masked and truncated to the limits of an event. Never throws. */
export function toolErrorOf(thrown: unknown, mask: (text: string) => string): { code: string; message: string } {
  try {
    const { name, code, message } = Object(thrown) as { name?: unknown; code?: unknown; message?: unknown };
    const label = [code, name].find((given): given is string => typeof given === 'string' && isName(given)) ?? 'error';
    const text = typeof message === 'string' ? message : typeof thrown === 'object' ? '' : String(thrown);
    const masked = mask(label);
    return { code: isName(masked) ? masked : 'error', message: cut(mask(truncateAtWord(text))) };
  } catch {
    return { code: 'error', message: '' };
  }
}

/** Truncates at a word boundary: redaction would not recognise half of a secret. */
function truncateAtWord(text: string): string {
  let end = Math.min(text.length, SCANNED_CHARS_MAX);
  while (end > 0 && end < text.length && !/\s/.test(text[end - 1] as string)) end -= 1;
  return text.slice(0, end);
}

function cut(text: string): string {
  const sound = text.slice(0, ERROR_MESSAGE_BYTES_MAX).replaceAll('\u0000', '\ufffd').toWellFormed();
  const bytes = Buffer.from(sound);
  // Truncating within a character leaves U+FFFD, which has three bytes.
  return bytes.length <= ERROR_MESSAGE_BYTES_MAX ? sound : bytes.subarray(0, ERROR_MESSAGE_BYTES_MAX - 3).toString();
}
