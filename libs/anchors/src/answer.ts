/** Milliseconds that a place outside gets to answer, its body included. */
export const ANSWER_MS_MAX = 10_000;

export interface Answer {
  readonly status: number;
  readonly mediaType: string;
  readonly body: Uint8Array;
}

/**
 * One request, its whole answer within bounds; a redirect is an answer, not a way. Nothing is repeated.
 * @throws Error where there is no answer, or one over `bytesMax`; its message is one line and names no secret
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
  // Leaving the loop early cancels the body.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > bytesMax) throw new Error(`an answer of more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code || message : message;
}
