/** The whole story: two worlds, one with both agents and Recant, one with the good agent alone; undo in the first, compare with the second. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attemptsText } from '../render/attempt.ts';
import { conflictLines, planText } from '../render/plan.ts';
import { resourceWords } from '../render/resource.ts';
import { runText } from '../render/run.ts';
import { count, painter } from '../terminal/output.ts';
import type { World } from '../terminal/session.ts';
import { differences, differenceWords, explain } from './compare.ts';
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

/** True where every difference from the control run is explained. */
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

  screen.scene(`Two agents work at once; each tool call is recorded first, over ${stage.transportWords}`);
  const before = await stage.look();
  await playRecorded(stage);
  await untilRecorded(operator, ATTEMPTS, world.signal);
  const after = await stage.look();
  const changed = differences(before, after).length;
  screen.show(
    `${ROGUE} works on a shop database and a folder, support-bot on the database. ${changed} rows, cells and files are not what they were.`,
  );

  screen.scene(`Something is wrong with the prices. What did ${ROGUE} do?`);
  screen.command(`recant actions list --agent ${ROGUE} --window ${LAST_MINUTES}`);
  screen.show(attemptsText(await lastMinutes(operator, ROGUE), paint));

  screen.scene('Undo all of it?');
  screen.command(`recant plan --agent ${ROGUE} --window ${LAST_MINUTES}`);
  const refused = await plan(operator, ROGUE, 'refuse');
  screen.show(planText(refused, paint));

  screen.scene('All but what others have built on');
  screen.command(`recant plan --agent ${ROGUE} --window ${LAST_MINUTES} --mode skip`);
  const skipping = await plan(operator, ROGUE, 'skip');
  screen.show(
    `${count(skipping.body.steps.length, 'step')}; skipped: ${conflictLines(skipping.body.conflicts).length}. Digest ${skipping.digest.slice(0, 16)}...`,
  );
  screen.command(`recant run ${skipping.id} --yes`);
  const account = await run(operator, skipping, world.signal);
  screen.show(runText(account, paint));

  screen.scene('Is that what would be there without the pricing bot? Compared with a run without it, cell by cell, byte by byte');
  await playControl(stage);
  const expected = await stage.lookAtControl();
  const found = explain(differences(expected, await stage.look()), after, await remaining(operator, account));
  for (const difference of found)
    screen.show(`${resourceWords(difference.resource)} ${differenceWords(difference)}: ${difference.why ?? paint('red', 'UNEXPLAINED')}`);
  const unexplained = found.filter((difference) => difference.why === undefined).length;
  const undone = account.stepList.length > 0 && account.stepList.every((step) => step.outcome === 'restored');
  const good = refused.body.conflicts.length > 0 && undone && unexplained === 0;
  screen.verdict(
    good,
    `${count(expected.size, 'row and file').replace('row and', 'rows and')} compared, ${found.length} differ, ${found.length - unexplained} explained by the account, ${unexplained} not.`,
  );
  return good;
}

async function keepRunning(world: World, stage: Stage): Promise<void> {
  world.out.write(
    `\nStill running at ${stage.url}. In another terminal, in this folder:\n  export RECANT_DIR=${stage.recantDir}\n  npm run recant -- status\n  npm run recant -- plan --agent support-bot --window 1h\nCtrl-C stops it and removes ${stage.folder}.\n`,
  );
  await stage.ended;
}
