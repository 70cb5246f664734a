/** The demo: two worlds, one with both agents and Recant, one (control) with the good agent alone. Undoes in the first, compares with the second. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attemptsText } from '../render/attempt.ts';
import { conflictLines, planText } from '../render/plan.ts';
import { resourceText } from '../render/resource.ts';
import { runText } from '../render/run.ts';
import { count, painter } from '../terminal/output.ts';
import type { World } from '../terminal/session.ts';
import { differences, differenceText, explain } from './compare.ts';
import { LAST_MINUTES, lastMinutes, plan, remaining, run, untilRecorded } from './operator.ts';
import { ATTEMPTS, playControl, playRecorded } from './play.ts';
import { createScreen } from './screen.ts';
import { type Stage, setStage } from './stage.ts';
import type { Transport } from './transport.ts';

export interface DemoOptions {
  readonly transport?: Transport;
  readonly keep?: boolean;
}

const ROGUE = 'pricing-bot';

/** @returns whether every difference from the control run is explained */
export async function runDemo(world: World, options: DemoOptions): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'recant-demo-'));
  try {
    const stage = await setStage(world, folder, options.transport);
    try {
      const good = await tellStory(world, stage);
      if (options.keep) await keepRunning(world, stage);
      return good;
    } finally {
      await stage.clear();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function tellStory(world: World, stage: Stage): Promise<boolean> {
  const screen = createScreen(world);
  const paint = painter(world.out);
  const { operator } = stage;

  screen.scene(`Two agents work concurrently; each tool call is recorded first, over ${stage.transportText}`);
  const before = await stage.read();
  await playRecorded(stage);
  await untilRecorded(operator, ATTEMPTS, world.signal);
  const after = await stage.read();
  const changed = differences(before, after).length;
  screen.show(
    `${ROGUE} works on a shop database and a folder, support-bot on the database. ${changed} rows, cells and files have changed.`,
  );

  screen.scene(`Something is wrong with the prices. What did ${ROGUE} do?`);
  screen.command(`recant actions list --agent ${ROGUE} --window ${LAST_MINUTES}`);
  screen.show(attemptsText(await lastMinutes(operator, ROGUE), paint));

  screen.scene('Undo all of it? (Tables of single steps are left out here.)');
  screen.command(`recant plan --agent ${ROGUE} --window ${LAST_MINUTES}`);
  const refused = await plan(operator, ROGUE, 'refuse');
  screen.show(withoutSteps(planText(refused, paint), refused.body.steps.length));

  screen.scene('Undo all but the conflicts');
  screen.command(`recant plan --agent ${ROGUE} --window ${LAST_MINUTES} --mode skip`);
  const skipping = await plan(operator, ROGUE, 'skip');
  screen.show(
    `${count(skipping.body.steps.length, 'step')}, ${count(conflictLines(skipping.body.conflicts).length, 'conflict')} skipped. Digest ${skipping.digest.slice(0, 16)}...`,
  );
  screen.command(`recant run ${skipping.id} --yes`);
  const account = await run(operator, skipping, world.signal);
  screen.show(withoutSteps(runText(account, paint), account.stepList.length));

  screen.scene('Compare with a control run without the pricing bot, cell by cell, byte by byte');
  await playControl(stage);
  const expected = await stage.readControl();
  const found = explain(differences(expected, await stage.read()), after, await remaining(operator, account));
  for (const difference of found)
    screen.show(`${resourceText(difference.resource)} ${differenceText(difference)}: ${difference.reason ?? paint('red', 'UNEXPLAINED')}`);
  const unexplained = found.filter((difference) => difference.reason === undefined).length;
  const undone = account.stepList.length > 0 && account.stepList.every((step) => step.outcome === 'restored');
  const good = refused.body.conflicts.length > 0 && undone && unexplained === 0;
  screen.verdict(
    good,
    `${expected.size} rows and files compared, ${found.length} differ, ${found.length - unexplained} explained by the account, ${unexplained} not.`,
  );
  return good;
}

async function keepRunning(world: World, stage: Stage): Promise<void> {
  world.out.write(
    `\nStill running at ${stage.url}. In another terminal, in the workspace:\n  export RECANT_DIR=${stage.recantDir}\n  npx recant status\n  npx recant plan --agent support-bot --window 1h\nCtrl-C stops the services and removes ${stage.folder}.\n`,
  );
  await stage.ended;
}

/** The table of steps, one a line, would not fit the screen. */
function withoutSteps(text: string, steps: number): string {
  const lines = text.split('\n');
  const head = lines.findIndex((line) => line.startsWith('step '));
  return head < 0 ? text : lines.toSpliced(head, 1 + steps).join('\n');
}
