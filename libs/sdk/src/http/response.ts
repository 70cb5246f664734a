import { type Durability, KeyRefused, type SendResult, SourceBehind, TransportError } from '../transport.ts';
import { retryAfterMs } from './retry-after.ts';

/** Largest response body that is read, in bytes; far above the receipts of a full batch. */
const ANSWER_BYTES_MAX = 4_194_304;

/** The receipt code for a source whose last acknowledged event the ledger lacks; the event itself is not refused. */
const LOG_BEHIND_SOURCE = 'log_behind_source';
const FENCED = 'fenced';

/** @throws TransportError if a retry may succeed: the ledger is overloaded or restarting. KeyRefused for 401. */
export async function refusalOf(response: Response): Promise<SendResult & { kind: 'refused' }> {
  const { status } = response;
  if (status === 429 || status === 408 || status >= 500) {
    await response.body?.cancel();
    throw new TransportError(`the ledger answered ${status}`, {
      retryAfterMs: retryAfterMs(response.headers.get('retry-after'), Date.now()),
    });
  }
  const problem = await readJson(response).catch(() => undefined);
  const code = textOf(problem, 'code') ?? `http_${status}`;
  const detail = [textOf(problem, 'detail') ?? textOf(problem, 'title') ?? `The ledger answered ${status}.`, textOf(problem, 'action')];
  const text = detail.filter((each) => each !== undefined).join(' ');
  if (status === 401) throw new KeyRefused(text);
  return { kind: 'refused', code, detail: text };
}

/** @throws TransportError if the response is not a ledger's (a proxy, another version). SourceBehind if the ledger was restored from an older copy. */
export async function receiptsOf(response: Response, count: number): Promise<readonly SendResult[]> {
  const receipts = memberOf(await readJson(response), 'receipts');
  if (!Array.isArray(receipts) || receipts.length !== count)
    throw new TransportError(`invalid answer of the ledger: expected ${count} receipts`);
  return receipts.map(resultOf);
}

function resultOf(receipt: unknown): SendResult {
  const kind = textOf(receipt, 'kind');
  if (kind === 'appended' || kind === 'duplicate') {
    const [shard, index] = [memberOf(receipt, 'shard'), memberOf(receipt, 'index')];
    return { kind: 'acknowledged', ...(typeof shard === 'number' ? { shard } : {}), ...(typeof index === 'number' ? { index } : {}) };
  }
  if (kind !== 'refused') throw new TransportError('invalid answer of the ledger: unknown kind of receipt');
  const detail = [textOf(receipt, 'detail'), textOf(receipt, 'action')].filter((text) => text !== undefined).join(' ');
  const code = textOf(receipt, 'code') ?? 'refused';
  const fence = textOf(receipt, 'fence');
  // The intent is recorded.
  if (code === FENCED && fence !== undefined) return { kind: 'acknowledged', fenced: { fence, detail: textOf(receipt, 'detail') ?? '' } };
  if (code === LOG_BEHIND_SOURCE) throw new SourceBehind(`the ledger was restored from an older copy: ${detail}`);
  return { kind: 'refused', code, detail };
}

/** @throws TransportError for any other response */
export async function durabilityOf(response: Response): Promise<Durability> {
  if (!response.ok) {
    await response.body?.cancel();
    throw new TransportError(`the ledger answered ${response.status}`);
  }
  const answer = await readJson(response);
  const [epoch, covered] = [memberOf(answer, 'epoch'), memberOf(answer, 'covered')];
  if (typeof epoch !== 'number' || typeof covered !== 'boolean')
    throw new TransportError('invalid answer of the ledger: epoch or covered is missing');
  return { epoch, covered };
}

export async function readJson(response: Response): Promise<unknown> {
  const length = Number(response.headers.get('content-length') ?? 0);
  if (length > ANSWER_BYTES_MAX) {
    await response.body?.cancel();
    throw new TransportError(`the answer of the ledger is too large: expected at most ${ANSWER_BYTES_MAX} bytes, got ${length}`);
  }
  try {
    return JSON.parse(await response.text());
  } catch (cause) {
    throw new TransportError('the answer of the ledger is not JSON', { cause });
  }
}

export function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
export function textOf(value: unknown, name: string): string | undefined {
  const member = memberOf(value, name);
  return typeof member === 'string' ? member : undefined;
}
