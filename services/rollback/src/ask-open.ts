import { setTimeout as delay } from 'node:timers/promises';
import type { AskedValues, PartValue, TargetSystem } from '@recant/connector';
import type { DerivedParts, OpenInTarget, UncapturedInTarget } from '@recant/planner';
import type { RollbackCore } from './core.ts';
import type { Selected } from './read-plan.ts';

/** Milliseconds that planning waits for a target's answer; one that is away is named by the flush. */
const ASK_MS_MAX = 5_000;

/** Transactions that the selected agents left open, on every system of the tenant: what they changed is not captured before they end. */
export async function openInTargets(
  { store, targets }: Pick<RollbackCore, 'store' | 'targets'>,
  tenant: string,
  selected: Selected,
): Promise<readonly OpenInTarget[]> {
  const of = selectedBy(selected);
  if (of === undefined) return [];
  const found = await askEach({ store, targets }, tenant, (target) => target.drain?.openTransactions(of));
  return found.flatMap(({ system, answer }) => answer.map((transaction) => ({ system, ...transaction })));
}

/**
 * Tables that the selected agents could write in the window and that no target captured.
 * @param firstMs when the first selected attempt began: the window of a selection without one
 */
export async function uncapturedInTargets(
  { store, targets }: Pick<RollbackCore, 'store' | 'targets'>,
  tenant: string,
  selected: Selected,
  firstMs: number | undefined,
): Promise<readonly UncapturedInTarget[]> {
  const { selection, sources, agents } = selected;
  if (selection.runs !== undefined || agents.length === 0) return [];
  const { fromMs = firstMs, toMs } = selection;
  const of = selectedBy(selected) ?? { agents, sources: Object.keys(sources) };
  const found = await askEach({ store, targets }, tenant, (target) => target.uncaptured?.({ ...of, fromMs, toMs }));
  return found.flatMap(({ system, answer }) => answer.map((table) => ({ system, ...table })));
}

/** Parts that the systems compute by themselves now. */
export async function derivedInTargets(core: Pick<RollbackCore, 'store' | 'targets'>, tenant: string): Promise<readonly DerivedParts[]> {
  return (await askEach(core, tenant, (target) => target.derived?.())).flatMap(({ answer }) => answer);
}

/** Values before and after attempts, of the systems that have such and answer in time. */
export async function valuesInTargets(
  core: Pick<RollbackCore, 'store' | 'targets'>,
  tenant: string,
  asked: readonly AskedValues[],
): Promise<readonly PartValue[]> {
  const found = await askEach(core, tenant, (target) => {
    const start = `${target.connector}://${target.name}/`;
    const own = asked.flatMap(({ undoes, resources }) => {
      const of = resources.filter((resource) => resource.startsWith(start));
      return of.length === 0 ? [] : [{ undoes, resources: of }];
    });
    return own.length === 0 ? undefined : target.values?.(own);
  });
  return found.flatMap(({ answer }) => answer);
}

/** Every system of the tenant that answers in time. */
async function askEach<T>(
  { store, targets }: Pick<RollbackCore, 'store' | 'targets'>,
  tenant: string,
  ask: (target: TargetSystem) => Promise<readonly T[]> | undefined,
): Promise<readonly { readonly system: string; readonly answer: readonly T[] }[]> {
  return Promise.all(
    (await store.systems.list(tenant)).map(async ({ name, connector }) => {
      const ending = new AbortController();
      const asked = targets.open(tenant, name, connector).then((target) => target && ask(target));
      const late = delay(ASK_MS_MAX, undefined, { signal: ending.signal });
      const answer = await Promise.race([asked, late]).catch(() => undefined);
      ending.abort();
      return { system: name, answer: answer ?? [] };
    }),
  );
}

/** A selection by window or condition alone means every agent that wrote in it; other selections mean the agents that they name or find. Selected actions and runs stand for themselves only. */
export function selectedBy({
  selection,
  sources,
  agents,
}: Selected): { agents: readonly string[] | undefined; sources: readonly string[] } | undefined {
  const { fromMs: _from, toMs: _to, clock: _clock, ambiguous: _ambiguous, where: _where, ...rest } = selection;
  if (rest.actions !== undefined || rest.runs !== undefined) return undefined;
  if (Object.keys(rest).length === 0) return { agents: undefined, sources: [] };
  return { agents: rest.agents ?? agents, sources: Object.keys(sources) };
}
