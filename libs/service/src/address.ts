import { lookup } from 'node:dns/promises';
import { BlockList, isIPv6 } from 'node:net';
import { z } from 'zod';
import { ConfigError, Port } from './config.ts';
import { ListenError, listenError } from './listen-error.ts';
import type { TlsFiles } from './tls.ts';

/** Where to listen, and with which transport security. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsFiles | undefined;
  /** The operator allows HTTP without TLS: a proxy terminates TLS, or the network is private. */
  readonly insecure?: boolean;
}

/** Environment of every listener. */
export const LISTEN_ENV = {
  RECANT_HOST: z.string().min(1).default('127.0.0.1'),
  RECANT_TLS_CERT_FILE: z.string().min(1).optional(),
  RECANT_TLS_KEY_FILE: z.string().min(1).optional(),
  RECANT_TLS_CLIENT_CA_FILE: z.string().min(1).optional(),
  RECANT_INSECURE_HTTP: z.enum(['0', '1'], 'must be 1 or unset').optional(),
};

/** LISTEN_ENV and the service's default port. */
export function listenEnv(port: number) {
  return { ...LISTEN_ENV, RECANT_PORT: Port.default(port) };
}

type ListenEnv = z.output<z.ZodObject<ReturnType<typeof listenEnv>>>;

/** @throws ConfigError if a certificate has no key or a key no certificate */
export function listenAddressOf(env: ListenEnv): ListenAddress {
  const { RECANT_HOST: host, RECANT_PORT: port, RECANT_TLS_CERT_FILE: certFile, RECANT_TLS_KEY_FILE: keyFile } = env;
  const clientCaFile = env.RECANT_TLS_CLIENT_CA_FILE;
  const address = { host, port, insecure: env.RECANT_INSECURE_HTTP === '1' };
  if (certFile !== undefined && keyFile !== undefined) return { ...address, tls: { certFile, keyFile, clientCaFile } };
  if (certFile !== undefined) throw new ConfigError(['RECANT_TLS_KEY_FILE is missing: RECANT_TLS_CERT_FILE needs it']);
  if (keyFile !== undefined || clientCaFile !== undefined)
    throw new ConfigError(['RECANT_TLS_CERT_FILE is missing: TLS needs a certificate']);
  return address;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Plain HTTP exposes keys, so that it is allowed on loopback only. @throws ListenError `INSECURE` */
export async function requireSafeAddress({ host, port, tls, insecure }: ListenAddress): Promise<void> {
  if (tls !== undefined || insecure === true) return;
  const found = await lookup(host, { all: true }).catch((error: NodeJS.ErrnoException) => {
    throw listenError(error, host, port);
  });
  if (found.every(({ address }) => LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'))) return;
  throw new ListenError(
    'INSECURE',
    `refusing to serve plain HTTP on ${host}: other machines can reach it, and keys would travel unencrypted. Set RECANT_TLS_CERT_FILE and RECANT_TLS_KEY_FILE, or RECANT_INSECURE_HTTP=1 behind a proxy that terminates TLS or on a private network`,
  );
}
