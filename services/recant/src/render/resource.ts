import type { PlanView } from '@recant/api';

type PartGuard = PlanView['body']['steps'][number]['systems'][number]['guards'][number];

/** `postgres://shop/public.orders/7` → `shop orders 7`; `filesystem://notes/a%20b.txt` → `notes a b.txt`. Other texts are returned unchanged. */
export function resourceText(uri: string): string {
  const found = /^([a-z0-9+.-]+):\/\/([^/]+)\/(.+)$/.exec(uri);
  if (!found) return uri;
  const [, connector = '', system = '', path = ''] = found;
  if (connector !== 'postgres') return `${system} ${decode(path)}`;
  const slash = path.indexOf('/');
  if (slash < 0) return `${system} ${decode(path)}`;
  const relation = decode(path.slice(0, slash)).replace(/^public\./, '');
  return `${system} ${relation} ${decode(path.slice(slash + 1))}`;
}

/** What undoing does to one resource. */
function changeText(guards: readonly PartGuard[]): string {
  const exists = guards.find((guard) => guard.part === 'exists');
  if (exists && exists.before === null && exists.after === null) return 'created and deleted, no change';
  if (exists && exists.before === null) return 'deleted (was created)';
  if (exists && exists.after === null) return 'recreated (was deleted)';
  const parts = guards.filter((guard) => guard.part !== 'exists').map((guard) => guard.part);
  return parts.length === 0 ? 'restored' : `${parts.join(', ')} restored`;
}

/** What undoing does, resources with the same change together: `shop products sku-1, sku-2 and 6 more: price_cents restored`. */
export function changesText(guards: readonly PartGuard[], shownMax: number): string[] {
  const byChange = new Map<string, string[]>();
  for (const [resource, ofOne] of Map.groupBy(guards, (guard) => guard.resource)) {
    const change = changeText(ofOne);
    byChange.set(change, [...(byChange.get(change) ?? []), resourceText(resource)]);
  }
  return [...byChange].map(([change, resources]) => `${listText(resources, shownMax)}: ${change}`);
}

/** Leaves out what a name shares with the one before it, in whole words. */
function listText(names: readonly string[], shownMax: number): string {
  const shown = names.slice(0, shownMax).map((name, at) => (at === 0 ? name : name.slice(sharedLength(names[at - 1] as string, name))));
  return shown.join(', ') + (names.length > shownMax ? ` and ${names.length - shownMax} more` : '');
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
