/** Timeout of one request including its body, milliseconds. */
export const ANSWER_MS_MAX = 10_000;

export interface Answer {
  readonly status: number;
  readonly mediaType: string;
  readonly body: Uint8Array;
}

/**
 * Sends one request, without retries or redirects, and reads the whole answer.
 * @throws Error without an answer in time, or with one over `bytesMax`; its message is one line without secrets
 */
export async function ask(request: Request, bytesMax: number, timeoutMs: number): Promise<Answer> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(request, { redirect: 'manual', signal });
    const body = await readBounded(response, bytesMax);
    return { status: response.status, mediaType: response.headers.get('content-type')?.split(';')[0]?.trim() ?? '', body };
  } catch (cause) {
    if (signal.aborted) throw new Error(`no answer within ${timeoutMs} ms`, { cause });
    throw new Error(reasonOf(cause), { cause });
  }
}

async function readBounded(response: Response, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Throwing inside the loop cancels the body.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > bytesMax) throw new Error(`answer too large: expected at most ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** The cause of `fetch failed`. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code || message : message;
}
