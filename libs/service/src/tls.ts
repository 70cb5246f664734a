import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { ConfigError } from './config.ts';

/** PEM files of a listener. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** If set, clients need a certificate issued by this CA. */
  readonly clientCaFile?: string | undefined;
}

export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

/** @param nowMs since 1970, UTC. @throws ConfigError, which never quotes the key file */
export function readServerCertificate({ certFile, keyFile, clientCaFile }: TlsFiles, nowMs: number): ServerCertificate {
  const cert = readPem('RECANT_TLS_CERT_FILE', certFile);
  const key = readPem('RECANT_TLS_KEY_FILE', keyFile);
  const leaf = certificateIn('RECANT_TLS_CERT_FILE', certFile, cert);
  if (Date.parse(leaf.validTo) <= nowMs)
    throw new ConfigError([`RECANT_TLS_CERT_FILE: the certificate in ${certFile} expired on ${dayOf(leaf.validTo)}; renew it`]);
  if (Date.parse(leaf.validFrom) > nowMs)
    throw new ConfigError([
      `RECANT_TLS_CERT_FILE: the certificate in ${certFile} is not valid before ${dayOf(leaf.validFrom)}; check the clock`,
    ]);
  if (!leaf.checkPrivateKey(privateKeyIn(keyFile, key)))
    throw new ConfigError([`RECANT_TLS_KEY_FILE: the key in ${keyFile} does not match the certificate in ${certFile}`]);
  if (clientCaFile === undefined) return { cert, key };
  const ca = readPem('RECANT_TLS_CLIENT_CA_FILE', clientCaFile);
  certificateIn('RECANT_TLS_CLIENT_CA_FILE', clientCaFile, ca);
  return { cert, key, ca };
}

/** Adds CA certificates to the ones that this process trusts, next to Node's own. @throws ConfigError */
export function trustCertificates(path: string): void {
  const pem = readPem('RECANT_CA_FILE', path);
  certificateIn('RECANT_CA_FILE', path, pem);
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), pem]);
}

/** @throws ConfigError */
export function readPem(variable: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError([`${variable}: ${path} is not readable (${(error as NodeJS.ErrnoException).code})`]);
  }
}

/** The first certificate of the file. */
function certificateIn(variable: string, path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new ConfigError([`${variable}: no PEM certificate in ${path}`]);
  }
}

function privateKeyIn(path: string, pem: string) {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new ConfigError([`RECANT_TLS_KEY_FILE: no unencrypted PEM private key in ${path}`]);
  }
}

const dayOf = (text: string): string => new Date(text).toISOString().slice(0, 10);
