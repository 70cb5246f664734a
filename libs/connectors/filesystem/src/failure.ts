import { ConnectorError } from '@recant/connector';

/** The `code` of a system error (errno(3) name), or undefined. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** An error as node:fs would throw it, for what was found out before asking the kernel. */
export function systemError(code: 'ENOENT' | 'EEXIST' | 'ENOTDIR' | 'EISDIR' | 'ENOTEMPTY' | 'EINVAL', what: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${what}, '${path}'`), { code, path });
}

/** System errors of the store itself, as what they mean to its caller. */
export async function wrapStoreErrors<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof ConnectorError || codeOf(cause) === undefined) throw cause;
    throw new ConnectorError(
      'unreachable',
      `The store cannot be used (${what}): ${(cause as Error).message}. See to its disk and permissions.`,
      { cause },
    );
  }
}
