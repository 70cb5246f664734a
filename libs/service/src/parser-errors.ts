import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ErrorCode, PROBLEM_MEDIA_TYPE, problemOf } from '@recant/api';

/** Answers what the HTTP parser refuses with a problem document, like every other refusal, and closes the connection. */
export function answerParserErrors(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // A connection that was reset, or whose TLS handshake failed, cannot carry an answer.
    if (!/^(HPE_|ERR_HTTP_)/.test(error.code ?? '') || !socket.writable) return void socket.destroy();
    const [code, detail] = refusalOf(error.code ?? '');
    const problem = problemOf(code, detail);
    const body = JSON.stringify(problem);
    const reason = STATUS_TEXTS[problem.status] ?? 'Bad Request';
    const head = `HTTP/1.1 ${problem.status} ${reason}\r\ncontent-type: ${PROBLEM_MEDIA_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
    socket.end(`${head}cache-control: no-store\r\nconnection: close\r\n\r\n${body}`, () => socket.destroy());
    setTimeout(() => socket.destroy(), FLUSH_MS_MAX).unref();
  });
  // `Expect` with anything but 100-continue: Node.js would answer without a body.
  server.on('checkExpectation', (request, response) => {
    const problem = problemOf(
      'request_invalid',
      `Expect: expected 100-continue, got ${JSON.stringify(String(request.headers.expect).slice(0, 80))}.`,
    );
    const body = JSON.stringify(problem);
    const headers = { 'content-type': PROBLEM_MEDIA_TYPE, 'content-length': Buffer.byteLength(body), connection: 'close' };
    response.writeHead(problem.status, headers).end(body);
  });
}

/** Milliseconds for a client to receive the answer. */
const FLUSH_MS_MAX = 2_000;

const STATUS_TEXTS: Readonly<Record<number, string>> = { 408: 'Request Timeout', 431: 'Request Header Fields Too Large' };

function refusalOf(code: string): readonly [ErrorCode, string] {
  if (code === 'HPE_HEADER_OVERFLOW') return ['headers_too_large', 'The request line and headers exceed 16 KiB.'];
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return ['request_timeout', 'The request was not complete in time.'];
  return ['request_invalid', `The bytes are not an HTTP/1.1 request (${code || 'unreadable'}).`];
}
