import type { PlanView } from '@recant/api';
import { InvalidArgumentError } from 'commander';
import { planText } from '../render/plan.ts';
import { ask, requirePerson } from '../terminal/ask.ts';
import { CliError, EXIT } from '../terminal/exit.ts';
import type { Paint } from '../terminal/output.ts';
import type { World } from '../terminal/session.ts';

/** Characters of the digest that are typed. */
const TYPED_MIN = 8;

/** Of --digest. */
export function digestOf(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('Give all 64 characters, as `recant plan --show PLAN` prints them.');
  return text;
}

/** The digest of a plan that the person in front of the terminal has looked at and agreed to. `otherwise` is what to do where there is nobody. */
export async function agreedDigest(world: World, plan: PlanView, paint: Paint, question: string, otherwise: string): Promise<string> {
  requirePerson(world, 'Nobody is there to confirm the plan', otherwise);
  world.err.write(planText(plan, paint));
  const answer = await ask(world, `${question} Type ${plan.digest.slice(0, TYPED_MIN)} to go on: `);
  if (answer.length < TYPED_MIN || !plan.digest.startsWith(answer)) throw new CliError(EXIT.refused, 'Not confirmed: nothing was done');
  return plan.digest;
}
