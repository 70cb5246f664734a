import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';

/** A certificate and its key, both PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Issuer; absent: self-signed. */
  readonly issuer?: TestCertificate;
  /** Whether it is a certificate authority. */
  readonly ca?: boolean;
  /** IPv4 addresses in subjectAltName. */
  readonly ips?: readonly string[];
  readonly dns?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** Valid whenever the tests run. */
const ALWAYS = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2099-01-01T00:00:00Z') };

/** An X.509 v3 certificate (RFC 5280) over P-256, for 127.0.0.1 unless said otherwise. */
export function testCertificate(name: string, options: CertificateOptions = {}): TestCertificate {
  const { issuer, ca = false, dns = [], ips = ca || dns.length > 0 ? [] : ['127.0.0.1'] } = options;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuerName = issuer === undefined ? nameOf(name) : nameOf(commonName(issuer));
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    issuerName,
    sequence(time(options.notBefore ?? ALWAYS.notBefore), time(options.notAfter ?? ALWAYS.notAfter)),
    nameOf(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...(ca ? [BASIC_CA] : []), ...(ips.length + dns.length > 0 ? [altNames(ips, dns)] : []))),
  );
  const signer: KeyObject = issuer === undefined ? privateKey : createPrivateKey(issuer.key);
  const der = sequence(body, ECDSA_SHA256, tagged(0x03, Buffer.from([0]), sign('sha256', body, signer)));
  const base64 = der.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd();
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function commonName({ cert }: TestCertificate): string {
  return /^CN=(.*)$/m.exec(new X509Certificate(cert).subject)?.[1] ?? '';
}

/** DER (X.690): tag, length, content. */
function tagged(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...header]), content]);
}
const sequence = (...parts: Buffer[]): Buffer => tagged(0x30, ...parts);
const integer = (bytes: Buffer): Buffer => tagged(0x02, bytes);
const oid = (hex: string): Buffer => tagged(0x06, Buffer.from(hex, 'hex'));
const time = (date: Date): Buffer => tagged(0x18, Buffer.from(date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')));
/** One relative name with commonName, 2.5.4.3. */
const nameOf = (name: string): Buffer => sequence(tagged(0x31, sequence(oid('550403'), tagged(0x0c, Buffer.from(name)))));
/** 1.2.840.10045.4.3.2 */
const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));
/** basicConstraints, 2.5.29.19, critical: CA. */
const TRUE = tagged(0x01, Buffer.from([0xff]));
const BASIC_CA = sequence(oid('551d13'), TRUE, tagged(0x04, sequence(TRUE)));
/** subjectAltName, 2.5.29.17. */
function altNames(ips: readonly string[], dns: readonly string[]): Buffer {
  const names = [
    ...ips.map((ip) => tagged(0x87, Buffer.from(ip.split('.').map(Number)))),
    ...dns.map((name) => tagged(0x82, Buffer.from(name))),
  ];
  return sequence(oid('551d11'), tagged(0x04, sequence(...names)));
}
