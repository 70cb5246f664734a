import type { PlanView } from '@recant/api';

type PartGuard = PlanView['body']['steps'][number]['systems'][number]['guards'][number];

/** `postgres://shop/public.orders/7` → `shop orders 7`; `filesystem://notes/a%20b.txt` → `notes a b.txt`. Anything else stays as it is. */
export function resourceWords(uri: string): string {
  const found = /^([a-z0-9+.-]+):\/\/([^/]+)\/(.+)$/.exec(uri);
  if (!found) return uri;
  const [, connector = '', system = '', path = ''] = found;
  if (connector !== 'postgres') return `${system} ${decode(path)}`;
  const slash = path.indexOf('/');
  if (slash < 0) return `${system} ${decode(path)}`;
  const relation = decode(path.slice(0, slash)).replace(/^public\./, '');
  return `${system} ${relation} ${decode(path.slice(slash + 1))}`;
}

/** What undoing does to one resource, in words. */
export function backWords(guards: readonly PartGuard[]): string {
  const exists = guards.find((guard) => guard.part === 'exists');
  if (exists && exists.before === null && exists.after === null) return 'came and went, stays away';
  if (exists && exists.before === null) return 'removed (was created)';
  if (exists && exists.after === null) return 'put back (was deleted)';
  const parts = guards.filter((guard) => guard.part !== 'exists').map((guard) => guard.part);
  return parts.length === 0 ? 'as before' : `${parts.join(', ')} as before`;
}

/** What undoing does, resources with the same fate together: `shop products sku-1, sku-2 and 6 more: price_cents as before`. */
export function fateWords(guards: readonly PartGuard[], shownMax: number): string[] {
  const byFate = new Map<string, string[]>();
  for (const [resource, ofOne] of Map.groupBy(guards, (guard) => guard.resource)) {
    const fate = backWords(ofOne);
    byFate.set(fate, [...(byFate.get(fate) ?? []), resourceWords(resource)]);
  }
  return [...byFate].map(([fate, resources]) => `${listWords(resources, shownMax)}: ${fate}`);
}

/** What each name has in common with the one before is said once, up to a whole word. */
function listWords(names: readonly string[], shownMax: number): string {
  const shown = names.slice(0, shownMax).map((name, at) => (at === 0 ? name : name.slice(sharedWords(names[at - 1] as string, name))));
  return shown.join(', ') + (names.length > shownMax ? ` and ${names.length - shownMax} more` : '');
}

function sharedWords(one: string, other: string): number {
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
