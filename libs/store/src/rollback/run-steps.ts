import type { AttemptRef, StepOutcome, StepState } from '@recant/events';
import type { StepHead } from '@recant/planner';
import type { StepRecord } from '@recant/runner';
import type pg from 'pg';
import { STEP_COLUMNS, type StepSqlRow, toStep } from './step-row.ts';

/** A step of a run, with what its plan says about it. */
export interface StoredStep extends StepRecord {
  readonly undoes: AttemptRef;
  readonly agent: string;
  readonly tool: string;
  readonly systems: readonly string[];
}

/** Steps that meet every given condition. */
export interface StepQuery {
  readonly states?: readonly StepState[] | undefined;
  readonly outcomes?: readonly StepOutcome[] | undefined;
  /** With a finding of this code. */
  readonly code?: string | undefined;
  /** Number of the last step of the page before. */
  readonly after: number;
  readonly limit: number;
}

export interface StepPage {
  readonly steps: readonly StoredStep[];
  /** Number of the last step; absent: there are no more. */
  readonly next?: number;
}

/** Characters of one page, which has at least one step. */
const PAGE_CHARS_MAX = 4_194_304;
const RUN = 'SELECT plan_id, source FROM recant.run WHERE tenant_id = $1 AND id = $2';
const PAGE = `SELECT ${STEP_COLUMNS}, head, found FROM (
    SELECT *, sum(bytes) OVER (ORDER BY step) - bytes AS bytes_before, count(*) OVER ()::int AS found FROM (
      SELECT s.*, i.head, octet_length(s.findings) + octet_length(s.residue) + octet_length(i.head) AS bytes
      FROM recant.run_step s JOIN recant.plan_item i ON i.tenant_id = s.tenant_id AND i.plan_id = $3 AND i.list = 'steps' AND i.n = s.step
      WHERE s.tenant_id = $1 AND s.run_id = $2 AND s.step > $4 AND ($5::text[] IS NULL OR s.state = ANY ($5)) AND ($6::text[] IS NULL OR s.outcome = ANY ($6))
        AND ($7::text IS NULL OR EXISTS (SELECT 1 FROM jsonb_array_elements(s.findings::jsonb) f WHERE f ->> 'code' = $7))
      ORDER BY s.step LIMIT $8) AS candidate) AS page
  WHERE bytes_before < ${PAGE_CHARS_MAX} ORDER BY step`;

/** @returns undefined: the tenant has no such run */
export async function readRunSteps(client: pg.ClientBase, tenant: string, run: string, query: StepQuery): Promise<StepPage | undefined> {
  const [known] = (await client.query<{ plan_id: string; source: string }>(RUN, [tenant, run])).rows;
  if (known === undefined) return undefined;
  const { states = null, outcomes = null, code = null, after, limit } = query;
  const values = [tenant, run, known.plan_id, after, states, outcomes, code, limit + 1];
  const { rows } = await client.query<StepSqlRow & { head: string; found: number }>(PAGE, values);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const steps = page.map((row): StoredStep => {
    const { undoes, agent, tool, systems } = JSON.parse(row.head) as StepHead;
    return { ...toStep(row, known.source), undoes, agent, tool, systems: systems.map(({ system }) => system) };
  });
  return { steps, ...(last && page.length < last.found && { next: last.step }) };
}
