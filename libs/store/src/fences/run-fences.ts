import { type AttemptRef, callKey } from '@recant/events';
import type pg from 'pg';
import { type NewFence, setFences } from './fences.ts';
import { recordedCalls } from './recorded-calls.ts';

/** Fences that a run sets when it starts. */
export interface RunFence {
  /** Calls that must not be repeated, by step. */
  readonly undoes: readonly { readonly step: number; readonly undoes: AttemptRef }[];
  readonly reason: string;
  readonly by: string;
  readonly expiresAtMs: number;
}

/** Stored with the run. */
export interface RunFenced {
  /** Different calls. */
  readonly calls: number;
  /** Attempts without a call that could be compared. */
  readonly without: number;
  readonly expiresAtMs: number;
}

const KEEP = `UPDATE recant.run SET fence = $3 WHERE tenant_id = $1 AND id = $2`;
const LIFT = `UPDATE recant.fence f SET ended_at = clock_timestamp(), ended_by = $3, end_reason = $4 FROM recant.run_step s
  WHERE f.tenant_id = $1 AND f.run_id IS NOT NULL AND f.ended_at IS NULL
    AND s.tenant_id = $1 AND s.run_id = f.run_id AND s.step = ANY (f.steps) AND s.inverse_action = ANY ($2::uuid[])`;
const END_NOT_UNDONE = `UPDATE recant.fence f SET ended_at = clock_timestamp(), ended_by = 'recant', end_reason = 'The run did not undo this call.'
  WHERE f.tenant_id = $1 AND f.run_id = $2 AND f.ended_at IS NULL AND NOT EXISTS (SELECT FROM recant.run_step s
    WHERE s.tenant_id = $1 AND s.run_id = $2 AND s.step = ANY (f.steps) AND s.outcome IN ('restored', 'compensated', 'already_undone'))`;

/** In the transaction that creates the run: nothing repeats a call from the moment at which its undoing is decided. @throws StoreError `too_many` */
export async function fenceRun(
  client: pg.ClientBase,
  tenant: string,
  run: string,
  { undoes, reason, by, expiresAtMs }: RunFence,
): Promise<void> {
  const calls = await recordedCalls(
    client,
    tenant,
    undoes.map((one) => one.undoes),
  );
  const fences = new Map<string, NewFence & { readonly steps: number[] }>();
  let without = 0;
  for (const [place, { step }] of undoes.entries()) {
    const call = calls.get(place);
    const key = call && callKey(call);
    if (call === undefined || key === undefined) {
      without += 1;
      continue;
    }
    const known = fences.get(key);
    if (known === undefined) fences.set(key, { key, tool: call.tool, resources: [...new Set(call.resources)], steps: [step] });
    else known.steps.push(step);
  }
  if (fences.size > 0) await setFences(client, tenant, [...fences.values()], { reason, by, expiresAtMs, run });
  const kept: RunFenced = { calls: fences.size, without, expiresAtMs };
  await client.query(KEEP, [tenant, run, JSON.stringify(kept)]);
}

/** A run that undoes inverses restores what they undid: its repetition is no mistake any more. @param inverses actions */
export async function liftFences(
  client: pg.ClientBase,
  tenant: string,
  inverses: readonly string[],
  by: string,
  run: string,
): Promise<void> {
  if (inverses.length > 0) await client.query(LIFT, [tenant, inverses, by, `Run ${run} takes the rollback back.`]);
}

/** When a run ends: what it left as it was is not fenced. */
export async function endFencesNotUndone(client: pg.ClientBase, tenant: string, run: string): Promise<void> {
  await client.query(END_NOT_UNDONE, [tenant, run]);
}
