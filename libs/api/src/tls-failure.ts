/** What a caller's configuration calls these things: the end of "what to do". */
export interface TlsSettings {
  /** How to say which authority is believed. */
  readonly trust: string;
  /** How to show a certificate to the other side. */
  readonly certificate: string;
}

const UNTRUSTED = 'its certificate is not under an authority that is believed here';
const NONE_SHOWN = 'it wants a certificate of this side';
const EXPIRED = 'renew it, or check the clock';

/** Codes of Node and OpenSSL: what is wrong with the other side, and what to do. */
const FAILURES: Readonly<Record<string, readonly [reason: string, action: keyof TlsSettings | { readonly say: string }]>> = {
  CERT_HAS_EXPIRED: ['its certificate has expired', { say: EXPIRED }],
  CERT_NOT_YET_VALID: ['its certificate is not valid yet', { say: 'check the clock' }],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'its certificate is for another name',
    { say: 'use a name that the certificate has, or get one for this name' },
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [UNTRUSTED, 'trust'],
  UNABLE_TO_GET_ISSUER_CERT: [UNTRUSTED, 'trust'],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [UNTRUSTED, 'trust'],
  SELF_SIGNED_CERT_IN_CHAIN: [UNTRUSTED, 'trust'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['its certificate is signed by itself', 'trust'],
  CERT_SIGNATURE_FAILURE: [UNTRUSTED, 'trust'],
  ERR_SSL_WRONG_VERSION_NUMBER: ['it does not speak TLS on this port', { say: 'correct the port, or leave TLS out' }],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: ['it does not speak TLS on this port', { say: 'correct the port, or leave TLS out' }],
  // What the other side sent an alert about.
  ALERT_CERTIFICATE_REQUIRED: [NONE_SHOWN, 'certificate'],
  ALERT_BAD_CERTIFICATE: [NONE_SHOWN, 'certificate'],
  ALERT_HANDSHAKE_FAILURE: [`${NONE_SHOWN}, or speaks another TLS`, 'certificate'],
  ALERT_UNKNOWN_CA: ['it does not believe the certificate of this side', 'certificate'],
  ALERT_CERTIFICATE_UNKNOWN: ['it does not believe the certificate of this side', 'certificate'],
  ALERT_CERTIFICATE_EXPIRED: ['the certificate of this side has expired', { say: EXPIRED }],
};

/** OpenSSL's names of alerts change with its version: `ERR_SSL_SSLV3_ALERT_`, `ERR_SSL_TLSV13_ALERT_`, `ERR_SSL_SSL/TLS_ALERT_`. */
const ALERT = /^ERR_SSL_[A-Z0-9/]+_ALERT_/;
/** Causes followed, should they go in circles. */
const CAUSES_MAX = 8;

/** Why TLS with somebody failed and what to do, as one clause; undefined where the error, or what caused it, is not about TLS. */
export function explainTls(error: unknown, settings: TlsSettings): string | undefined {
  for (let each = error, depth = 0; typeof each === 'object' && each !== null && depth < CAUSES_MAX; depth++) {
    const { code, cause } = each as { code?: unknown; cause?: unknown };
    const name = typeof code === 'string' ? code.replace(ALERT, 'ALERT_') : '';
    const found = Object.hasOwn(FAILURES, name) ? FAILURES[name] : undefined;
    if (found !== undefined) {
      const [reason, action] = found;
      return `${reason}: ${typeof action === 'string' ? settings[action] : action.say}`;
    }
    each = cause;
  }
  return undefined;
}
