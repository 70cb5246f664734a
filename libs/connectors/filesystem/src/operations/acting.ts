import { ConnectorError } from '@recant/connector';
import type { AttemptRef } from '@recant/events';
import { type Planned, perform } from '../act.ts';
import { systemError } from '../failure.ts';
import { look } from '../look.ts';
import { type Path, pathOf, ROOT, resourceOf } from '../path.ts';
import type { State } from '../state.ts';
import type { Held, Store } from '../store.ts';

/** On whose behalf an operation acts. */
export interface Acting {
  readonly attempt: AttemptRef;
  /** Refuses once the attempt was settled or released. */
  readonly hold: Store['hold'];
}

/** Time and owner of what is not there yet; read from the target once it is. */
export const UNSEEN = { u: 0, g: [0, 0] as const };

/** Performs an operation of which every path has a resource. */
export function act({ attempt }: Acting, held: Held, planned: readonly Planned[], work: Parameters<typeof perform>[3]): Promise<void> {
  for (const { p } of planned) resourceOf(held.system, p);
  return perform(held, attempt, planned, work);
}

/** @throws ConnectorError `resource_invalid` also for the root itself. */
export function below(text: string): Path {
  const path = pathOf(text);
  if (path === ROOT) throw new ConnectorError('resource_invalid', 'The root itself cannot be changed. Name a path below it.');
  return path;
}

export function checkMode(mode: number | undefined, path: Path): void {
  if (mode !== undefined && (!Number.isInteger(mode) || mode < 0 || mode > 0o7777)) throw systemError('EINVAL', 'not a mode', path);
}

/** Type and mode; absent also where nothing can be seen. */
export async function typeAt(held: Held, path: Path): Promise<State> {
  const seen = await look({ ...held.look, content: false }, path);
  return seen.kind === 'state' ? seen.state : null;
}
