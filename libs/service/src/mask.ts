/** What a secret looks like wherever it turns up: in an error's text, a cause, a URL. */
const SECRETS: readonly (readonly [pattern: RegExp, masked: string])[] = [
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/"']*):[^\s@/"']+@/gi, '$1:***@'],
  [/\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{8,}/gi, '$1 ***'],
  [/([?&;\s"'](?:password|sslpassword|secret|token)=)[^\s&"',;]+/gi, '$1***'],
  [/\b(recant_[a-z0-9]{4,32}_)[A-Za-z0-9_-]{43}/g, '$1***'],
];

/** The text with passwords in addresses, keys and tokens as `***`. A net under those who should not have put them there. */
export function maskSecrets(text: string): string {
  return SECRETS.reduce((masked, [pattern, with_]) => masked.replaceAll(pattern, with_), text);
}
