/** Lets the agents play: recorded in the shop's own world, plain in the control's. */
import { createRecant } from '@recant/sdk';
import { moment, plainHands, pricingBot, recordedHands, type Story, supportBot } from './agents.ts';
import type { Stage } from './stage.ts';

export async function playRecorded(stage: Stage): Promise<void> {
  const story: Story = { cancelledSeven: moment() };
  const [pricing, support] = [stage.agent('pricing-bot'), stage.agent('support-bot')];
  const recants = [pricing, support].map(({ options }) => createRecant(options));
  const [pricingRecant, supportRecant] = recants as [ReturnType<typeof createRecant>, ReturnType<typeof createRecant>];
  await Promise.all(recants.map((recant) => recant.open()));
  try {
    await Promise.all([
      pricingBot(recordedHands(pricingRecant, pricing.shop, { system: stage.folderSystem, root: stage.root }), story),
      supportBot(recordedHands(supportRecant, support.shop), story),
    ]);
  } finally {
    await Promise.all(recants.map((recant) => recant.close()));
  }
}

/** The good agent alone, with the same tools and without Recant. */
export async function playControl(stage: Stage): Promise<void> {
  const story: Story = { cancelledSeven: moment() };
  story.cancelledSeven.reach();
  await supportBot(plainHands(stage.controlTransaction, stage.controlRoot), story);
}
