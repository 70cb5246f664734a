/** Characters of a value that are examined. */
const EXAMINED_CHARS_MAX = 256;

/** Shannon entropy in bits per character. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  const counted = text.slice(0, EXAMINED_CHARS_MAX);
  for (const character of counted) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / counted.length) * Math.log2(count / counted.length);
  return bits;
}

/** Whether a value of a name such as `token` looks generated and not like a word: long, without spaces, with high entropy. */
export function looksRandom(value: string): boolean {
  if (value.length < 12 || /\s/.test(value.slice(0, EXAMINED_CHARS_MAX)) || entropyOf(value) < 3) return false;
  return /\d/.test(value) || (value.length >= 20 && /[a-z]/.test(value) && /[A-Z]/.test(value));
}

/** For 40 base64 characters, the format of AWS secrets: letters of both cases, digits, high entropy. */
export function looksLikeAwsSecret(value: string): boolean {
  return /[a-z]/.test(value) && /[A-Z]/.test(value) && /\d/.test(value) && entropyOf(value) >= 4.3;
}
