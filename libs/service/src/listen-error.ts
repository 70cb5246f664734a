/** One line that says what is wrong with an address, and what to do. */
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
      `port ${port} on ${host} is in use: stop what listens there, or set RECANT_PORT to another port (0 for any free one)`,
      error,
    );
  if (code === 'EACCES')
    return new ListenError(code, `port ${port} on ${host} is not allowed to this user: set RECANT_PORT to a port above 1023`, error);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new ListenError(code, `this machine has no address ${host}: set RECANT_HOST to one that it has, such as 127.0.0.1`, error);
  return new ListenError(code, `cannot listen on ${host}:${port}: ${error.message}`, error);
}
