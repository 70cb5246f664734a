/** Printable ASCII without spaces at its ends: the common case. */
const ASCII = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** Characters without a shape (format, ignorable, unassigned, private) and white space other than U+0020. */
const UNSEEN = /[\p{Cf}\p{Cn}\p{Co}\p{Default_Ignorable_Code_Point}]|(?! )\p{White_Space}/u;
const LATIN = /\p{Script=Latin}/u;
const LOOKALIKE = /\p{Script=Cyrillic}|\p{Script=Greek}|\p{Script=Cherokee}|\p{Script=Armenian}/u;

/**
 * Whether people can tell this name from others: NFC, no characters that cannot be seen, no space at its ends, and no Latin letters beside Cyrillic, Greek,
 * Armenian or Cherokee ones. Checked where a name is given to a key or used by an agent.
 */
export function isPlainName(name: string): boolean {
  if (ASCII.test(name)) return true;
  if (name !== name.normalize('NFC') || UNSEEN.test(name) || name.startsWith(' ') || name.endsWith(' ')) return false;
  return name.length > 0 && !(LATIN.test(name) && LOOKALIKE.test(name));
}
