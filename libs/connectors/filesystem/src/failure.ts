import { ConnectorError } from '@recant/connector';

/** The `code` of a system error (errno(3) name), or undefined. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** An error in the form of node:fs, for checks made before the system call. */
export function systemError(
  code: 'ENOENT' | 'EEXIST' | 'ENOTDIR' | 'EISDIR' | 'ENOTEMPTY' | 'EINVAL' | 'EBUSY',
  what: string,
  path: string,
): Error {
  return Object.assign(new Error(`${code}: ${what}, '${path}'`), { code, path });
}

/** Turns system errors of the store itself into ConnectorError `unreachable`. */
export async function wrapStoreErrors<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof ConnectorError || codeOf(cause) === undefined) throw cause;
    throw new ConnectorError('unreachable', `Store error (${what}): ${(cause as Error).message}. Check its disk and permissions.`, {
      cause,
    });
  }
}

/** Errors that rights, space or a busy file cause at the moment, so that the same call may succeed later. */
const WAITING: readonly string[] = [
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EBUSY',
  'ETXTBSY',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
];
export const isWaiting = (code: string | undefined): boolean => WAITING.includes(code ?? '');
