import { lookup } from 'node:dns/promises';
import { BlockList, isIPv6 } from 'node:net';
import { z } from 'zod';
import { ConfigError, Port } from './config.ts';
import { ListenError, listenError } from './listen-error.ts';
import type { TlsFiles } from './tls.ts';

/** Where to listen, and who may listen in. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsFiles | undefined;
  /** Somebody said that HTTP without TLS is all right here: a proxy in front ends TLS, or the network is nobody else's. */
  readonly insecure?: boolean;
}

/** Environment of every listener. */
export const LISTEN_ENV = {
  RECANT_HOST: z.string().min(1).default('127.0.0.1'),
  RECANT_TLS_CERT_FILE: z.string().min(1).optional(),
  RECANT_TLS_KEY_FILE: z.string().min(1).optional(),
  RECANT_TLS_CLIENT_CA_FILE: z.string().min(1).optional(),
  RECANT_INSECURE_HTTP: z.enum(['0', '1'], 'must be 1, or left out').optional(),
};

/** The part of the environment that says where to listen, with the port that is usual there. */
export function listenEnv(port: number) {
  return { ...LISTEN_ENV, RECANT_PORT: Port.default(port) };
}

type ListenEnv = z.output<z.ZodObject<ReturnType<typeof listenEnv>>>;

/** @throws ConfigError where a certificate has no key, or the other way round */
export function listenAddressOf(env: ListenEnv): ListenAddress {
  const { RECANT_HOST: host, RECANT_PORT: port, RECANT_TLS_CERT_FILE: certFile, RECANT_TLS_KEY_FILE: keyFile } = env;
  const clientCaFile = env.RECANT_TLS_CLIENT_CA_FILE;
  const address = { host, port, insecure: env.RECANT_INSECURE_HTTP === '1' };
  if (certFile !== undefined && keyFile !== undefined) return { ...address, tls: { certFile, keyFile, clientCaFile } };
  if (certFile !== undefined) throw new ConfigError(['RECANT_TLS_KEY_FILE is missing: a certificate is nothing without its key']);
  if (keyFile !== undefined || clientCaFile !== undefined)
    throw new ConfigError(['RECANT_TLS_CERT_FILE is missing: without it there is no TLS']);
  return address;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Keys travel in the clear over HTTP: that is for this machine alone. @throws ListenError `INSECURE` */
export async function requireSafeAddress({ host, port, tls, insecure }: ListenAddress): Promise<void> {
  if (tls !== undefined || insecure === true) return;
  const found = await lookup(host, { all: true }).catch((error: NodeJS.ErrnoException) => {
    throw listenError(error, host, port);
  });
  if (found.every(({ address }) => LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'))) return;
  throw new ListenError(
    'INSECURE',
    `${host} can be reached from other machines, and without TLS keys are read on the way: set RECANT_TLS_CERT_FILE and RECANT_TLS_KEY_FILE, or RECANT_INSECURE_HTTP=1 where a proxy ends TLS or nobody else is on the network`,
  );
}
