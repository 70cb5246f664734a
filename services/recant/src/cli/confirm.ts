import type { PlanView } from '@recant/api';
import { type Client, wholePlan } from '@recant/client';
import { InvalidArgumentError } from 'commander';
import { planText } from '../render/plan.ts';
import { ask, requireTerminal } from '../terminal/ask.ts';
import { CliError, EXIT } from '../terminal/exit.ts';
import type { Paint } from '../terminal/output.ts';
import type { World } from '../terminal/session.ts';

/** Characters of the digest that the user types to confirm. */
const TYPED_MIN = 8;

/** Parses --digest. */
export function digestOf(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('Pass all 64 characters, as `recant plan --show PLAN` prints them.');
  return text;
}

/** Shows the plan and asks for the start of its digest. @param otherwise what to pass where there is no terminal */
export async function confirmDigest(
  world: World,
  client: Client,
  plan: PlanView,
  paint: Paint,
  question: string,
  otherwise: string,
): Promise<string> {
  requireTerminal(world, 'No terminal to confirm the plan on', otherwise);
  world.err.write(planText(await wholePlan(client, plan), paint));
  const answer = await ask(world, `${question} Type ${plan.digest.slice(0, TYPED_MIN)} to confirm: `);
  if (answer.length < TYPED_MIN || !plan.digest.startsWith(answer)) throw new CliError(EXIT.refused, 'Not confirmed: nothing was done');
  return plan.digest;
}
