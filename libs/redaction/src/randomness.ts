/** Characters of a value that are counted. */
const COUNTED_MAX = 256;

/** Shannon entropy, bits a character. */
export function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  const counted = text.slice(0, COUNTED_MAX);
  for (const character of counted) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / counted.length) * Math.log2(count / counted.length);
  return bits;
}

/** Whether a value beside a name like `token` is one, and not a word: long enough, no spaces, as varied as made values are. */
export function looksRandom(value: string): boolean {
  if (value.length < 12 || /\s/.test(value.slice(0, COUNTED_MAX)) || entropyOf(value) < 3) return false;
  return /\d/.test(value) || (value.length >= 20 && /[a-z]/.test(value) && /[A-Z]/.test(value));
}

/** 40 characters of base64 without a prefix, as AWS makes its secrets: letters of both cases, digits, and no words. */
export function looksLikeAwsSecret(value: string): boolean {
  return /[a-z]/.test(value) && /[A-Z]/.test(value) && /\d/.test(value) && entropyOf(value) >= 4.3;
}
