import type { PlanStepView } from '@recant/api';

type Change = PlanStepView['changes'][number];

/**
 * `postgres://shop/public.orders/7` → `shop orders 7`; `filesystem://notes/a%20b.txt` → `notes a b.txt`. Tables and folders, which end in a slash, alike:
 * `shop orders`, `notes`, `notes sub`. Other texts are returned unchanged.
 */
export function resourceText(uri: string): string {
  const found = /^([a-z0-9+.-]+):\/\/([^/]+)\/(.*)$/.exec(uri);
  if (!found) return uri;
  const [, connector = '', system = '', rest = ''] = found;
  const path = rest.replace(/\/$/, '');
  if (path === '') return system;
  if (connector !== 'postgres') return `${system} ${decode(path)}`;
  const slash = path.indexOf('/');
  const relation = decode(slash < 0 ? path : path.slice(0, slash)).replace(/^public\./, '');
  return slash < 0 ? `${system} ${relation}` : `${system} ${relation} ${keyText(path.slice(slash + 1))}`;
}

/** Values of a key, separated by commas; one that contains a comma is quoted. */
const keyText = (key: string): string =>
  key
    .split(',')
    .map((value) => {
      const text = decode(value);
      return text.includes(',') ? JSON.stringify(text) : text;
    })
    .join(',');

/** The name of a column or other part as people know it: a column `exists` is recorded as `%65xists`. */
export const partText = (part: string): string => decode(part);

/** A sentence of the service with the names of its resources as they are printed elsewhere. */
export const plainText = (text: string): string =>
  text.replace(/(?:postgres|filesystem):\/\/[^\s,;()]*[^\s,;().]/g, (uri) => resourceText(uri));

/** The start of the resources that a person means: a URI, or a system, table or folder as it is printed (`docs sub`, also `docs/sub` and `docs/sub/`). */
export function scopeNamed(text: string, scopes: readonly string[]): string {
  const plain = (name: string): string => name.replace(/[ /]+/g, ' ').trim();
  const named = scopes.find((scope) => scope === text || plain(resourceText(scope)) === plain(text));
  if (named !== undefined) return named;
  const system = scopes.map((scope) => /^[a-z0-9+.-]+:\/\/([^/]+)\//.exec(scope)).find((found) => found?.[1] === plain(text));
  return system?.[0] ?? text;
}

const FATES: Readonly<Record<Change['fate'], string>> = {
  stays: 'stays',
  overwrites: 'restored, over later values of others',
  removed: 'deleted (was created)',
  comes_back: 'recreated (was deleted)',
  restored: 'restored',
  unchanged: 'no change',
};

/** What undoing does, resources with the same change together: `shop products sku-1, sku-2 and 6 more: price_cents restored`. */
export function changesText(changes: readonly Change[], shownMax: number): string[] {
  return changes.map(({ fate, parts, rows, resources }) => {
    const what = parts.length === 0 ? FATES[fate] : `${parts.map(partText).join(', ')} ${FATES[fate]}`;
    return `${listText(resources.map(resourceText), rows, shownMax)}: ${what}`;
  });
}

/** Leaves out what a name shares with the one before it, in whole words. */
export function listText(names: readonly string[], all: number, shownMax: number): string {
  const shown = names.slice(0, shownMax).map((name, at) => (at === 0 ? name : name.slice(sharedLength(names[at - 1] as string, name))));
  return shown.join(', ') + (all > shown.length ? ` and ${all - shown.length} more` : '');
}

function sharedLength(one: string, other: string): number {
  let length = 0;
  while (length < other.length && one[length] === other[length]) length++;
  return other.lastIndexOf(' ', length) + 1;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
