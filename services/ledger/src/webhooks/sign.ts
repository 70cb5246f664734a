import { createHmac } from 'node:crypto';

/** The bytes of a signing secret. */
export type WebhookSecret = Uint8Array;

const PREFIX = 'whsec_';
/** Limits of the Standard Webhooks specification, 1.0.0. */
const BYTES = { min: 24, max: 64 } as const;

/** A secret of Standard Webhooks, `whsec_` and base64. @returns undefined for anything else */
export function parseSecret(text: string): WebhookSecret | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const base64 = text.slice(PREFIX.length);
  const bytes = Buffer.from(base64, 'base64');
  const isWhole = bytes.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '');
  return isWhole && bytes.length >= BYTES.min && bytes.length <= BYTES.max ? bytes : undefined;
}

/**
 * The header `webhook-signature` of Standard Webhooks 1.0.0: one `v1` signature for each secret, so that a receiver may have either during a rotation.
 * @param id without a full stop, which separates the signed parts
 * @param atSeconds since 1970: of this attempt
 */
export function signatureOf(secrets: readonly WebhookSecret[], id: string, atSeconds: number, body: string): string {
  return secrets.map((secret) => `v1,${createHmac('sha256', secret).update(`${id}.${atSeconds}.${body}`).digest('base64')}`).join(' ');
}
