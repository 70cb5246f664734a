import { ApiError, type Client, everyItem } from '@recant/client';
import { CliError, EXIT } from '../terminal/exit.ts';

export type IdKind = 'run' | 'plan' | 'freeze' | 'action';

/** The end of an id: tables show its last six characters. Starts of ids are times, which many share. */
const SHORT = /^[0-9a-f-]{6,35}$/;
const FULL_LENGTH = 36;
/** Of each kind, the newest are searched. */
const READ_MAX = 2_000;
const PAGE = 500;

/** The id that ends, or else begins, with `text`; `text` itself where none does, which the service then refuses. @throws CliError for several */
export async function fullId(client: Client, kinds: readonly IdKind[], text: string): Promise<string> {
  const wanted = text.replace(/^…/, '').toLowerCase();
  if (!SHORT.test(wanted)) return text.length === FULL_LENGTH ? text.toLowerCase() : text;
  const ids = new Set<string>();
  for (const kind of kinds) for (const id of await recent(client, kind)) ids.add(id);
  const ending = [...ids].filter((id) => id.endsWith(wanted));
  const found = ending.length > 0 ? ending : [...ids].filter((id) => id.startsWith(wanted));
  if (found.length <= 1) return found[0] ?? text;
  throw new CliError(
    EXIT.usage,
    `${JSON.stringify(text)} fits ${found.length} ids: ${found.slice(0, 5).join(', ')}`,
    'Pass more characters of the id.',
  );
}

/** None where the caller may not list them. */
async function recent(client: Client, kind: IdKind): Promise<readonly string[]> {
  const ids: string[] = [];
  try {
    for await (const id of idsOf(client, kind)) if (ids.push(id) >= READ_MAX) break;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
  }
  return ids;
}

async function* idsOf(client: Client, kind: IdKind): AsyncGenerator<string> {
  const page = (cursor: string | undefined) => ({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
  if (kind === 'freeze') for await (const { freeze } of everyItem((cursor) => client.freezes({ all: true }, page(cursor)))) yield freeze;
  if (kind === 'action')
    for await (const { action } of everyItem((cursor) => client.attempts({ order: 'newest' }, page(cursor)))) yield action;
  if (kind === 'run') for await (const { id } of everyItem((cursor) => client.runs(page(cursor)))) yield id;
  if (kind === 'plan')
    for await (const { event } of everyItem((cursor) => client.acts({}, page(cursor))))
      if (event.data.operation === 'createPlan' && event.data.outcome === 'done') yield String(event.data.object.plan);
}
