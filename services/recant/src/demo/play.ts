/** Runs the agents: recorded with Recant, unrecorded in the control run. */
import { createRecant } from '@recant/sdk';
import { moment, pricingBot, recordedShopTools, recordedTools, supportBot } from './agents.ts';
import type { Stage } from './stage.ts';

/** Tool calls of both scripts. */
export const ATTEMPTS = 9 + 4;

/** Both agents, concurrently. */
export async function playRecorded(stage: Stage): Promise<void> {
  const story = { restocked: moment(), cancelledSeven: moment() };
  const pricing = createRecant(stage.agents['pricing-bot'].options);
  const support = createRecant(stage.agents['support-bot'].options);
  await Promise.all([pricing.open(), support.open()]);
  try {
    await Promise.all([
      pricingBot(recordedTools(pricing, stage.agents['pricing-bot'].shop, stage.catalogue), story),
      supportBot(recordedShopTools(support, stage.agents['support-bot'].shop), story),
    ]);
  } finally {
    await Promise.all([pricing.close(), support.close()]);
  }
}

/** The good agent alone, with the same tools, without Recant. */
export async function playControl(stage: Stage): Promise<void> {
  const story = { restocked: moment(), cancelledSeven: moment() };
  story.cancelledSeven.reach();
  await supportBot({ onShop: (_tool, _args, work) => stage.controlTransaction(work) }, story);
}
