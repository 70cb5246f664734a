/** Advice in terms of the caller's configuration. */
export interface TlsSettings {
  /** How to configure trusted certificate authorities. */
  readonly trust: string;
  /** How to configure the client certificate. */
  readonly certificate: string;
}

const UNTRUSTED = 'its certificate is not signed by a trusted authority';
const NONE_SHOWN = 'it requires a client certificate';
const EXPIRED = 'renew it, or check the clock';

/** Error codes of Node and OpenSSL, with reason and advice. */
const FAILURES: Readonly<Record<string, readonly [reason: string, action: keyof TlsSettings | { readonly say: string }]>> = {
  CERT_HAS_EXPIRED: ['its certificate has expired', { say: EXPIRED }],
  CERT_NOT_YET_VALID: ['its certificate is not valid yet', { say: 'check the clock' }],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'its certificate does not match the host name',
    { say: 'connect with a name from the certificate, or issue one for this name' },
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [UNTRUSTED, 'trust'],
  UNABLE_TO_GET_ISSUER_CERT: [UNTRUSTED, 'trust'],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [UNTRUSTED, 'trust'],
  SELF_SIGNED_CERT_IN_CHAIN: [UNTRUSTED, 'trust'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['its certificate is self-signed', 'trust'],
  CERT_SIGNATURE_FAILURE: [UNTRUSTED, 'trust'],
  ERR_SSL_WRONG_VERSION_NUMBER: ['this port does not use TLS', { say: 'correct the port, or disable TLS' }],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: ['this port does not use TLS', { say: 'correct the port, or disable TLS' }],
  // Alerts sent by the peer.
  ALERT_CERTIFICATE_REQUIRED: [NONE_SHOWN, 'certificate'],
  ALERT_BAD_CERTIFICATE: [NONE_SHOWN, 'certificate'],
  ALERT_HANDSHAKE_FAILURE: [`${NONE_SHOWN}, or uses incompatible TLS settings`, 'certificate'],
  ALERT_UNKNOWN_CA: ['it rejects the client certificate', 'certificate'],
  ALERT_CERTIFICATE_UNKNOWN: ['it rejects the client certificate', 'certificate'],
  ALERT_CERTIFICATE_EXPIRED: ['the client certificate has expired', { say: EXPIRED }],
};

/** Alert names vary by OpenSSL version: `ERR_SSL_SSLV3_ALERT_`, `ERR_SSL_TLSV13_ALERT_`, `ERR_SSL_SSL/TLS_ALERT_`. */
const ALERT = /^ERR_SSL_[A-Z0-9/]+_ALERT_/;
/** Limit on followed causes, in case they form a cycle. */
const CAUSES_MAX = 8;

/** Reason of a TLS failure and advice, as one clause; undefined if neither the error nor its causes are about TLS. */
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
