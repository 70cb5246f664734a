/** One line: the problem with an address and its fix. `code`: a Node.js error code, `INSECURE` or `TLS_INVALID`. */
export class ListenError extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ListenError';
    this.code = code;
  }
}

export function listenError(error: NodeJS.ErrnoException, host: string, port: number): ListenError {
  const code = error.code ?? 'UNKNOWN';
  if (code === 'EADDRINUSE')
    return new ListenError(
      code,
      `port ${port} on ${host} is already in use: stop the process that listens there, or set RECANT_PORT to another port (0 for any free one)`,
      error,
    );
  if (code === 'EACCES')
    return new ListenError(code, `no permission to listen on port ${port} of ${host}: set RECANT_PORT to a port above 1023`, error);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new ListenError(
      code,
      `${host} is not an address of this machine: set RECANT_HOST to one of its addresses, such as 127.0.0.1`,
      error,
    );
  return new ListenError(code, `cannot listen on ${host}:${port}: ${error.message}`, error);
}
