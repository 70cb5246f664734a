import { realpath, stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { WATCHED_LINKS_MAX } from '../limits.ts';
import { isWithin, type Path } from '../path.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { Lead } from '../store/record.ts';
import { nameText } from './other-names.ts';
import { changing, type Planned } from './perform.ts';
import { statIdOf } from './scan.ts';

/** Where links lead, so that a write through one of them is found. Reads no content; a link that leads nowhere is left out. */
export async function leadsOf(locked: LockedStore, links: readonly Path[], declared: readonly Path[]): Promise<readonly Lead[]> {
  const leads: Lead[] = [];
  for (const p of links.slice(0, WATCHED_LINKS_MAX)) {
    const lead = await leadOf(locked, p);
    // A target that is declared too is compared itself.
    const inside = lead && relative(locked.readOptions.root, lead.to);
    if (lead !== undefined && !declared.some((folder) => isWithin(inside as Path, folder))) leads.push(lead);
  }
  return leads;
}

async function leadOf(locked: LockedStore, p: Path): Promise<Lead | undefined> {
  try {
    const to = await realpath(`${locked.readOptions.root}/${p}`);
    return { p, to, d: statIdOf(await stat(to)) };
  } catch {
    return undefined;
  }
}

/** Links whose targets changed while they themselves stayed: what was written there is unknown. */
export async function throughLinks(locked: LockedStore, links: readonly Lead[]): Promise<readonly Planned[]> {
  const planned: Planned[] = [];
  for (const lead of links) {
    const now = await leadOf(locked, lead.p);
    const state = locked.history.known.get(lead.p)?.s;
    if (now === undefined || now.d === lead.d || now.to !== lead.to || state?.t !== 'link') continue;
    const inside = relative(locked.readOptions.root, lead.to);
    planned.push({ ...changing('write_through', lead.p, state, state, ['e']), y: [nameText(inside.startsWith('..') ? lead.to : inside)] });
  }
  return planned;
}
