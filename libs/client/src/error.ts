import { explainTls, isErrorCode, type Problem } from '@recant/api';

/** A refusal of a service, as its problem document says it. */
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

  /** A code this client was built with; a newer service may give others. */
  get known(): boolean {
    return isErrorCode(this.problem.code);
  }
}

const TLS = {
  trust: 'set RECANT_CA_FILE (of other programs: NODE_EXTRA_CA_CERTS) to its certificate',
  certificate: 'this client has none; ask through a proxy that has',
};

/** The service could not be asked, or its answer could not be read: whether it did what was asked is unknown. */
export class ConnectionError extends Error {
  readonly url: string;

  constructor(url: string, reason: string, cause?: unknown) {
    const tls = explainTls(cause, TLS);
    const text =
      tls === undefined
        ? `${url} does not answer (${reason}): check the address, and that \`recant up\` runs.`
        : `${url} cannot be trusted: ${tls}.`;
    super(text, { cause });
    this.name = 'ConnectionError';
    this.url = url;
  }
}
