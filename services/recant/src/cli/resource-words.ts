import type { PlanView } from '@recant/api';

type PartGuard = PlanView['body']['steps'][number]['systems'][number]['guards'][number];

/** `postgres://shop/public.orders/7` → `shop orders 7`; `filesystem://notes/a%20b.txt` → `notes a b.txt`. Anything else stays as it is. */
export function resourceWords(uri: string): string {
  const found = /^([a-z0-9+.-]+):\/\/([^/]+)\/(.+)$/.exec(uri);
  if (!found) return uri;
  const [, connector, system, path] = found as unknown as [string, string, string, string];
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
  if (exists && exists.before === null) return 'is removed (it was created)';
  if (exists && exists.after === null) return 'comes back (it was deleted)';
  const parts = guards.filter((guard) => guard.part !== 'exists').map((guard) => guard.part);
  return parts.length === 0 ? 'as before' : `${parts.join(', ')} as before`;
}

/** Guards by resource, in the order given. */
export function byResource(guards: readonly PartGuard[]): Map<string, PartGuard[]> {
  const found = new Map<string, PartGuard[]>();
  for (const guard of guards) {
    const same = found.get(guard.resource);
    if (same) same.push(guard);
    else found.set(guard.resource, [guard]);
  }
  return found;
}

/** Milliseconds since 1970 in a UUIDv7 (RFC 9562, 5.7): when the producer says that the action began. */
export function actionTimeMs(action: string): number | undefined {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(action)) return undefined;
  return Number.parseInt(action.slice(0, 8) + action.slice(9, 13), 16);
}

export function clockTime(ms: number | undefined): string {
  return ms === undefined ? 'an unknown time' : `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
