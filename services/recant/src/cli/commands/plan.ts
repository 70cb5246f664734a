import type { PlanRowBody, PlanView } from '@recant/api';
import { type Client, wholePlan } from '@recant/client';
import { ROW_FATES } from '@recant/events';
import { type Command, Option } from 'commander';
import { causesOf } from '../../render/conflict-causes.ts';
import { isRefused } from '../../render/explain.ts';
import { rowsText } from '../../render/explain-rows.ts';
import { unacceptedIn } from '../../render/missing.ts';
import { explainText, planText } from '../../render/plan.ts';
import { resourceText, scopeNamed } from '../../render/resource.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress.ts';
import { type CommonOptions, openSession, type World, withConnection, withReason } from '../../terminal/session.ts';
import { type ModeOptions, modesOf, withModes } from '../modes.ts';
import { pageOf, several, wholeNumber } from '../options.ts';
import { planRepeats, planRepeatsText } from '../plan-repeats.ts';
import { type SelectionOptions, selectionOf, withFilters } from '../selection.ts';
import { fullId } from '../short-id.ts';
import { waitForRecord, waitOf } from '../wait-for-record.ts';

const HELP = `
Planning changes nothing. A plan runs once. In mode refuse, one conflict blocks the whole plan; in mode skip, conflicting attempts and those that
depend on them are left out; in mode cascade, attempts of others that wrote the same rows or files later are undone as well; in mode force, their values are
overwritten: the plan names each, and whose it is. With --partial, rows in conflict stay as they are, and the other rows of their attempts are undone.
--skip, --cascade and --force set the mode of single attempts.
The plan names what its record lacks. In mode refuse a person accepts each by its name before it runs; no run of it ends fully restored.
Exit code 3: in mode refuse the plan has conflicts, or lacks something that is not accepted.

Examples:
  recant plan --agent pricing-bot --window 10m
  recant plan --agent pricing-bot --window 10m --mode skip
  recant plan --agent pricing-bot --window 10m --mode skip --partial
  recant plan --agent pricing-bot --window 10m --mode skip --force "tool = reprice" --reason "agreed with support"
  recant plan --agent pricing-bot --window 10m --wait 5m
  recant plan --session 4711 --tool delete_file
  recant plan --where "agent = 'pricing-bot' and tool != 'lookup' and since 2h"
  recant plan --run RUN                     undo a rollback
  recant plan --agent pricing-bot --accept-missing hole-1f0e6a7c9b2d4e581f0e6a7c9b2d4e58 --reason "lost"
  recant plan --show PLAN`;

type PlanOptions = CommonOptions & SelectionOptions & ModeOptions & { show?: string; acceptMissing?: string[]; wait: string };

export function addPlan(program: Command, world: World, exit: (code: number) => void): void {
  withModes(withFilters(withReason(withConnection(program.command('plan').description('plan a rollback: steps, conflicts, what stays')))))
    .option('--action <id>', 'action id', several)
    .option('--run <id>', 'run id, to undo a rollback', several)
    .option('--ambiguous <uri>', 'also undo ambiguous changes of this resource: a URI, exact or ending in *', several)
    .option('--where <condition>', "a condition: agent = 'x' and tool != 'y' and since 2h (see docs/cli.md, Selections)", several)
    .option('--wait <duration>', 'how long to wait for what was sent or committed before', '10s')
    .option('--accept-missing <name>', 'plan without what this name of an earlier plan stands for; needs --reason', several)
    .option('--show <plan>', 'show an existing plan instead of creating one')
    .addHelpText('after', HELP)
    .action(async (options: PlanOptions) => {
      const selected = options.show === undefined ? selectionOf(options, world.nowMs()) : undefined;
      const waitMs = waitOf(options.wait);
      const session = await openSession(world, options);
      const progress = progressLine(world.err);
      if (selected) await waitForRecord(session.client, waitMs, progress);
      if (selected) progress.note('Planning: reading the ledger, checking the systems ...');
      const made = await (selected
        ? session.client.createPlan({
            ...selected,
            ...modesOf(options),
            waitMs: 0,
            ...(options.acceptMissing && { accept: options.acceptMissing }),
          })
        : session.client.plan(await fullId(session.client, ['plan'], options.show as string))
      ).finally(() => progress.done());
      const plan = await wholePlan(session.client, made);
      world.out.write(session.json ? json(plan) : `${planText(plan, session.paint)}${await planRepeatsText(session, plan.id)}`);
      if (plan.body.mode === 'refuse' && plan.counts.stopping + unacceptedIn(plan.body).length > 0) exit(EXIT.refused);
    });
}

export function addExplain(program: Command, world: World): void {
  withConnection(
    program
      .command('explain')
      .description('a plan in short: rows by table, what stays damaged, what each mode would do')
      .argument('<plan>', 'plan id'),
  )
    .option('--in <start>', 'only the rows and files of a table or folder, one by one: a URI, or as explain prints it')
    .option('--step <n>', 'only the rows and files of one step')
    .addOption(new Option('--fate <fate>', 'only the rows and files to which this happens').choices(ROW_FATES))
    .option('--limit <n>', 'rows and files to print (default 50, at most 100)')
    .option('--cursor <cursor>', 'continue after an earlier page')
    .addHelpText('after', '\nExamples:\n  recant explain 0193f0a2-7c1e-7b43-9a52-1b2c3d4e5f60\n  recant explain PLAN --in "shop orders"')
    .action(async (id: string, options: ExplainOptions) => {
      const page = pageOf(options);
      const step = wholeNumber('--step', options.step);
      const session = await openSession(world, options);
      const plan = await session.client.plan(await fullId(session.client, ['plan'], id));
      const { in: under, fate } = options;
      if (under !== undefined || step !== undefined || fate !== undefined) {
        const rows = await rowsIn(session.client, plan, { under, step, fate, page });
        if (rows.items.length === 0) throw noneUnder(plan, under ?? (step === undefined ? `--fate ${fate}` : `step ${step}`));
        world.out.write(
          session.json ? json({ id: plan.id, digest: plan.digest, ...rows }) : rowsText(rows, session.paint, isRefused(plan)),
        );
        return;
      }
      const whole = await wholePlan(session.client, plan);
      const { watermark, totals, alternatives, mode, partial, overrides, overwrites, conflicts } = whole.body;
      const short = {
        id: plan.id,
        digest: plan.digest,
        selected: plan.selected,
        mode,
        partial,
        runnable: plan.runnable,
        watermark,
        totals,
        ...(overrides && { overrides }),
        overwrites,
        causes: causesOf(conflicts).map(({ kind, by, conflicts: [first, ...more] }) => ({
          kind,
          ...(by && { by }),
          conflicts: more.length + 1,
          first,
        })),
        alternatives,
      };
      if (session.json) return void world.out.write(json({ ...short, repeats: await planRepeats(session.client, plan.id) }));
      world.out.write(`${explainText(whole, session.paint)}${await planRepeatsText(session, plan.id)}`);
    });
}

type ExplainOptions = CommonOptions & { in?: string; step?: string; fate?: PlanRowBody['fate']; limit?: string; cursor?: string };

interface RowsAsked {
  readonly under: string | undefined;
  readonly step: number | undefined;
  readonly fate: PlanRowBody['fate'] | undefined;
  readonly page: { readonly limit: number; readonly cursor?: string };
}

/** The start of resources as a URI, or as `explain` prints it. */
function rowsIn(client: Client, { id, body }: PlanView, { under, step, fate, page }: RowsAsked) {
  const scopes = body.totals.scopes.map(({ scope }) => scope);
  const named = under === undefined ? undefined : scopeNamed(under, scopes);
  const which = { ...(named !== undefined && { in: named }), ...(step !== undefined && { step }), ...(fate && { fate }) };
  return client.planRows(id, { values: true, ...which }, page);
}

function noneUnder({ body }: PlanView, start: string): CliError {
  const scopes = body.totals.scopes.slice(0, 5).map(({ scope }) => JSON.stringify(resourceText(scope)));
  return new CliError(
    EXIT.usage,
    `The plan names no row or file under ${JSON.stringify(start)}`,
    `Expected a table or folder of the plan: ${scopes.join(', ')}.`,
  );
}
