import { explainTls, isErrorCode, type Problem } from '@recant/api';

/** A refusal by a service, with its problem document. */
export class ApiError extends Error {
  readonly problem: Problem;
  /** Seconds from the Retry-After header. */
  readonly retryAfterSeconds: number | undefined;

  constructor(problem: Problem, retryAfterSeconds: number | undefined) {
    super(`${problem.detail} ${problem.action}`);
    this.name = 'ApiError';
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  get code(): string {
    return this.problem.code;
  }

  get status(): number {
    return this.problem.status;
  }

  /** The code, if this version of the client knows it; a newer service may send others. */
  get known(): boolean {
    return isErrorCode(this.problem.code);
  }
}

const TLS = {
  trust: 'set RECANT_CA_FILE (in other programs: NODE_EXTRA_CA_CERTS) to the certificate of its authority',
  certificate: 'this client cannot present one; connect through a proxy that can',
};

/** No readable response: whether the service executed the request is unknown. */
export class ConnectionError extends Error {
  readonly url: string;

  constructor(url: string, reason: string, cause?: unknown) {
    const tls = explainTls(cause, TLS);
    const text =
      tls === undefined
        ? `${url} does not answer (${reason}): check the address, and that \`recant up\` is running.`
        : `${url} cannot be trusted: ${tls}.`;
    super(text, { cause });
    this.name = 'ConnectionError';
    this.url = url;
  }
}
