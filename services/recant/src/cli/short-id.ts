import type { Page } from '@recant/api';
import { ApiError, type Client, everyItem, type PageRequest } from '@recant/client';
import { CliError, EXIT } from '../terminal/exit.ts';

export type IdKind = 'run' | 'plan' | 'freeze' | 'fence' | 'action';

/** The end of an id: tables show its last six characters. Starts of ids are times, which many share. */
const SHORT = /^[0-9a-f-]{6,35}$/;
const FULL_LENGTH = 36;
/** Of each kind, the newest are searched; plans among the newest acts. */
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
  try {
    return await idsOf(client, kind);
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return [];
    throw error;
  }
}

async function idsOf(client: Client, kind: IdKind): Promise<readonly string[]> {
  switch (kind) {
    case 'run':
      return (await newest((page) => client.runs(page))).map(({ id }) => id);
    case 'freeze':
      return (await newest((page) => client.freezes({ all: true }, page))).map(({ freeze }) => freeze);
    case 'fence':
      return (await newest((page) => client.fences({ all: true }, page))).map(({ fence }) => fence);
    case 'action':
      return (await newest((page) => client.attempts({ order: 'newest' }, page))).map(({ action }) => action);
    case 'plan': {
      const acts = await newest((page) => client.acts({}, page));
      const made = acts.filter(({ event }) => event.data.operation === 'createPlan' && event.data.outcome === 'done');
      return made.map(({ event }) => String(event.data.object.plan));
    }
  }
}

async function newest<T>(fetchPage: (page: PageRequest) => Promise<Page<T>>): Promise<readonly T[]> {
  const items: T[] = [];
  for await (const item of everyItem((cursor) => fetchPage({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) })))
    if (items.push(item) >= READ_MAX) break;
  return items;
}
