import { KeyRefused, type SendResult, SourceBehind, type Standing, TransportError } from '../transport.ts';
import { retryAfterMs } from './retry-after.ts';

/** Bytes of an answer that are read at all: receipts of a full batch fit many times. */
const ANSWER_BYTES_MAX = 4_194_304;

/** The code of a refusal that is no refusal of the event. */
const SOURCE_BEHIND = 'source_behind';

/** @throws TransportError for whatever may be sent again: an overloaded, restarting or absent ledger, and a key that it does not take. */
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

/** @throws TransportError where the answer is not the ledger's: a proxy in between, a version apart. SourceBehind where the ledger was set back. */
export async function receiptsOf(response: Response, count: number): Promise<readonly SendResult[]> {
  const receipts = memberOf(await readJson(response), 'receipts');
  if (!Array.isArray(receipts) || receipts.length !== count)
    throw new TransportError(`the ledger's answer does not have ${count} receipts`);
  return receipts.map(resultOf);
}

function resultOf(receipt: unknown): SendResult {
  const kind = textOf(receipt, 'kind');
  if (kind === 'appended' || kind === 'duplicate') {
    const [shard, index] = [memberOf(receipt, 'shard'), memberOf(receipt, 'index')];
    return { kind: 'acknowledged', ...(typeof shard === 'number' ? { shard } : {}), ...(typeof index === 'number' ? { index } : {}) };
  }
  if (kind !== 'refused') throw new TransportError(`the ledger's answer has a receipt of unknown kind`);
  const detail = [textOf(receipt, 'detail'), textOf(receipt, 'action')].filter((text) => text !== undefined).join(' ');
  const code = textOf(receipt, 'code') ?? 'refused';
  if (code === SOURCE_BEHIND) throw new SourceBehind(`the ledger was set back: ${detail}`);
  return { kind: 'refused', code, detail };
}

/** @throws TransportError where it was not given */
export async function standingOf(response: Response): Promise<Standing> {
  if (!response.ok) {
    await response.body?.cancel();
    throw new TransportError(`the ledger answered ${response.status}`);
  }
  const answer = await readJson(response);
  const [epoch, covered] = [memberOf(answer, 'epoch'), memberOf(answer, 'covered')];
  if (typeof epoch !== 'number' || typeof covered !== 'boolean') throw new TransportError('the answer does not say how safe the event is');
  return { epoch, covered };
}

export async function readJson(response: Response): Promise<unknown> {
  const length = Number(response.headers.get('content-length') ?? 0);
  if (length > ANSWER_BYTES_MAX) {
    await response.body?.cancel();
    throw new TransportError('the answer is too long');
  }
  try {
    return JSON.parse(await response.text());
  } catch (cause) {
    throw new TransportError('the answer is not JSON', { cause });
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
export function textOf(value: unknown, name: string): string | undefined {
  const member = memberOf(value, name);
  return typeof member === 'string' ? member : undefined;
}
