/**
 * A history, and a failover of its target's server before the undo. Nothing lost: the undo comes to what the oracle computes, as if nothing had happened. The
 * history lost as a whole: nothing of the system is undone until a person adopts it; the same history, played again after that, is undone like any other.
 */
import { ApiError } from '@recant/client';
import { clusterFolder, removeAbandoned } from './abandoned.ts';
import { startCluster } from './cluster.ts';
import { drained, type Outcome, playOnce, undo } from './judge.ts';
import { failed, type Place } from './place.ts';
import { effectsBetween, readRows } from './record.ts';
import { drawScript } from './script.ts';
import { type Service, startService } from './service.ts';
import { createLogins, createTarget, createTemplate, openTarget, type Target } from './target.ts';

/** Seeds of failovers begin here. */
export const FAILOVERS_FROM = 1_000_000;
export const FAILOVER_KINDS = ['clean failover', 'lost tail'] as const;

/** What lives in a connection, or takes a table away, does not outlast a failover. */
function fits(seed: number): boolean {
  const { kinds, transactions } = drawScript(seed);
  const isLasting = transactions.every(({ end }) => end !== 'open' && end !== 'prepare');
  return isLasting && !kinds.has('ALTER in between') && !kinds.has('capture at its limit');
}

/** Of the server of the service, and of the logins' connections. */
export async function createFailoverPlace(adminUrl: string, settings: Readonly<Record<string, string>>): Promise<Place> {
  const service = await startService(adminUrl);
  const { apiKey } = await service.key({});
  await removeAbandoned();
  const cluster = await startCluster(clusterFolder(), settings);
  const logins = await createLogins(cluster.adminUrl);
  const template = await createTemplate(cluster.adminUrl, logins);
  let target = await createTarget(cluster.adminUrl, logins, template, (url) => url);
  await service.operator.registerSystem({ name: target.system, connector: 'postgres', options: { url: target.url } });
  const reopen = async (change: () => Promise<void>) => {
    await target.close();
    await change();
    target = await openTarget(cluster.adminUrl, logins, target.system, (url) => url, target.start);
  };
  const stageOf = () => ({ target, service, apiKey, isLeft: true, next: async () => stageOf() });
  const judge = async (seed: number): Promise<readonly Outcome[]> => {
    const kind = FAILOVER_KINDS[seed % FAILOVER_KINDS.length] as (typeof FAILOVER_KINDS)[number];
    let script = seed - FAILOVERS_FROM;
    while (!fits(script)) script += 1;
    const mode = Math.floor(seed / 2) % 2 === 0 ? 'refuse' : 'skip';
    const mismatches: string[] = [];
    if (kind === 'lost tail') {
      await target.reset();
      await reopen(cluster.save);
      const { fromMs } = await playOnce(stageOf(), script, `${seed}-lost`);
      await drained(service);
      await reopen(cluster.setBack);
      mismatches.push(...(await tryUndo(service, target, fromMs)));
      await target.admin.query('SELECT recant.adopt_restored()');
    }
    const question = await playOnce(stageOf(), script, `${seed}-${mode}`);
    if (kind === 'clean failover') await reopen(cluster.failOver);
    const outcome = await undo({ ...question, target }, mode, {});
    return [{ ...outcome, seed, kinds: [kind], mismatches: [...mismatches, ...outcome.mismatches] }];
  };
  return {
    judge: (seed) => judge(seed).catch((error: Error) => [failed(seed, [error.stack ?? error.message])]),
    async close() {
      await service.operator.removeSystem(target.system);
      await target.close();
      await service.stop();
      await cluster.stop();
    },
  };
}

/** The system has stopped: a plan says so, is refused, and nothing is written. */
async function tryUndo({ operator }: Pick<Service, 'operator'>, { admin, startNames }: Target, fromMs: number): Promise<string[]> {
  const before = await readRows(admin, startNames());
  const { id, digest, body } = await operator.createPlan({ mode: 'refuse', selection: { fromMs } });
  const started = await operator.createRun(id, digest).then(
    () => 'a run',
    (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
  );
  const changed = effectsBetween(before, await readRows(admin, startNames()));
  return [
    ...(body.watermark?.missing.some(({ detail }) => detail.includes('restored to an earlier state'))
      ? []
      : ['the plan does not say that the tail is lost']),
    ...(['plan_conflicts', 'plan_incomplete', 'plan_empty'].includes(started) ? [] : [`lost tail: expected a refusal, got ${started}`]),
    ...changed.map(({ row }) => `${row}: changed without a run`),
  ];
}
