/** Whether a run ended as one that nothing struck, and each inverse took effect once. */
import { readdir } from 'node:fs/promises';
import type { Mode } from './plan.ts';
import { expectedShape, rowsIn, type Scenario, type Shape } from './scenario.ts';
import { fileInverses, type Played, reasoned, type World } from './world.ts';

export interface Planned {
  readonly id: string;
  readonly digest: string;
  readonly steps: readonly {
    readonly step: number;
    readonly undoes: { readonly action: string };
    readonly systems: readonly { readonly system: string }[];
  }[];
}

export async function planUndo(world: World, { agent }: Played, mode: Mode): Promise<Planned> {
  const plan = await reasoned(world).createPlan({ selection: { agents: [agent] }, mode });
  if (!plan.runnable) throw new Error(`the plan is not runnable: ${JSON.stringify(plan.body.conflicts).slice(0, 500)}`);
  return { id: plan.id, digest: plan.digest, steps: plan.body.steps };
}

export interface Judged {
  readonly world: World;
  readonly scenario: Scenario;
  readonly mode: Mode;
  readonly played: Played;
  readonly planned: Planned;
  readonly run: string;
}

/** @returns what is wrong, in words */
export async function judge(judged: Judged): Promise<readonly string[]> {
  const { world, scenario, mode, played } = judged;
  return [
    ...(await endProblems(judged)),
    ...differences(expectedShape(scenario, mode, played.before, played.after), await played.read()),
    ...(await repeats(judged)),
    ...(await leftOvers(world)),
    ...(await world.stage.audit()).map((finding) => `the verifier: ${JSON.stringify(finding)}`),
  ];
}

async function endProblems({ world, scenario: { attempts, contested }, mode, run }: Judged): Promise<string[]> {
  const { state, account } = await world.stage.operator.run(run);
  const steps = attempts.length - (mode === 'skip' ? contested.length : 0);
  const hasFiles = attempts.flat().some(({ on }) => on === 'file');
  const isForced = mode === 'force' && contested.length > 0;
  const verdict =
    mode === 'skip' && contested.length > 0 ? 'partly_restored' : hasFiles || isForced ? 'restored_unverified' : 'fully_restored';
  const expected = JSON.stringify(['finished', { restored: steps }, isForced ? contested.length : 0, verdict]);
  const found = JSON.stringify([state, account.outcomes, account.overwritten ?? 0, account.verdict]);
  return found === expected ? [] : [`the end: expected ${expected}, got ${found}`];
}

export function differences(expected: Shape, found: Shape): string[] {
  return [...new Set([...expected.keys(), ...found.keys()])]
    .filter((key) => expected.get(key) !== found.get(key))
    .map((key) => `${key}: expected ${expected.get(key) ?? 'nothing'}, got ${found.get(key) ?? 'nothing'}`);
}

/** By the target's own records: the capture of the database, and the journal of the files. */
async function repeats({ world, scenario, played, planned, run }: Judged): Promise<string[]> {
  const { rows } = await world.stage.shop.owner.query<{ step: number; changes: number }>(
    'SELECT a.step, count(*)::int AS changes FROM recant.change c JOIN recant.attempt a ON a.id = c.attempt WHERE a.run = $1 GROUP BY a.step',
    [run],
  );
  const changes = new Map(rows.map(({ step, changes: count }) => [step, count]));
  const files = await fileInverses(world, run);
  const wanted = rowsOfSteps(scenario, planned, await actionsOf(world, played));
  const onFiles = planned.steps.filter(({ systems }) => systems.some(({ system }) => system === 'files')).map(({ step }) => step);
  const intents = await intentsOf(world, run);
  return [
    ...planned.steps.flatMap(({ step }) =>
      (changes.get(step) ?? 0) === (wanted.get(step) ?? 0)
        ? []
        : [`step ${step}: expected ${wanted.get(step) ?? 0} changed rows, got ${changes.get(step) ?? 0}`],
    ),
    ...onFiles.filter((step) => files.get(step) !== 1).map((step) => `step ${step}: ${files.get(step) ?? 0} inverses of files`),
    ...(intents === planned.steps.length ? [] : [`${planned.steps.length} steps, ${intents} intents in the ledger`]),
  ];
}

/** Actions of the agent in the order of the attempts. */
async function actionsOf({ stage }: World, { agent }: Played): Promise<readonly string[]> {
  const { items } = await stage.operator.attempts({ agent: [agent] }, { limit: 500 });
  return items.map(({ action }) => action).sort();
}

function rowsOfSteps({ attempts }: Scenario, { steps }: Planned, actions: readonly string[]): ReadonlyMap<number, number> {
  const rows = new Map(actions.map((action, at) => [action, rowsIn(attempts[at] ?? [])]));
  return new Map(steps.map(({ step, undoes }) => [step, rows.get(undoes.action) ?? 0]));
}

async function intentsOf({ stage }: World, run: string): Promise<number> {
  const { items } = await stage.operator.attempts({ session: [run] }, { limit: 500 });
  return items.length;
}

async function leftOvers({ root }: World): Promise<string[]> {
  return (await readdir(root, { recursive: true })).filter((name) => name.includes('.recant')).map((name) => `${name} is left`);
}
