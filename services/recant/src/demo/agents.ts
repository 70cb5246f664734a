/** Two scripted agents: each is a list of tool calls. Hands decide whether a call is recorded. */
import type { Directory, FilesystemSystem } from '@recant/connector-filesystem';
import type { postgresSystem } from '@recant/connector-postgres';
import type { Recant } from '@recant/sdk';
import { cancelOrder, changeAddress, type Database, repriceAll, restock, shipOrder } from './shop.ts';

export type ShopSystem = ReturnType<typeof postgresSystem>;
type Arguments = Record<string, string | number>;

export interface ShopHands {
  onShop(tool: string, args: Arguments, work: (db: Database) => Promise<void>): Promise<void>;
}
export interface Hands extends ShopHands {
  onFolder(tool: string, args: Arguments, work: (folder: Directory) => Promise<void>): Promise<void>;
}

/** Through Recant: a call is intended before it runs, captured where it takes effect, settled after it. This is all that embedding the SDK takes. */
export function recordedShopHands(recant: Recant, shop: ShopSystem): ShopHands {
  return {
    onShop: (tool, args, work) =>
      recant.action({ tool, arguments: args, systems: [shop.name] }, (context) => context.on(shop).transaction((tx) => work(tx))),
  };
}

export function recordedHands(recant: Recant, shop: ShopSystem, folder: FilesystemSystem): Hands {
  return {
    ...recordedShopHands(recant, shop),
    onFolder: (tool, args, work) => recant.action({ tool, arguments: args, systems: [folder.name] }, (context) => work(context.on(folder))),
  };
}

/** A moment in the story that one agent waits for and the other brings about: agents run at once, the story is the same every time. */
export interface Moment {
  readonly reached: Promise<void>;
  reach(): void;
}
export function moment(): Moment {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { reached: promise, reach: resolve };
}

export interface Story {
  /** Order 7 has been cancelled (or never will be, in a run without the pricing bot). */
  readonly cancelledSeven: Moment;
}

/** Goes wrong: it was told to tidy up the catalogue, and takes that literally. */
export async function pricingBot(hands: Hands, story: Story): Promise<void> {
  await hands.onFolder('write_file', { path: 'notes/plan.txt' }, (folder) => folder.writeFile('notes/plan.txt', 'Everything must go.\n'));
  await hands.onShop('reprice_all', { cents: 1 }, (db) => repriceAll(db, 1));
  await hands.onFolder('edit_file', { path: 'price-list.csv' }, (folder) => folder.edit('price-list.csv', '12.50', '0.01'));
  for (const path of ['suppliers/acme.md', 'notes/margins.txt']) {
    await hands.onFolder('delete_file', { path }, (folder) => folder.remove(path));
  }
  const [from, to] = ['suppliers/globex.md', 'old-globex.md'] as const;
  await hands.onFolder('move_file', { from, to }, (folder) => folder.move(from, to));
  for (const id of [3, 7, 9]) {
    await hands.onShop('cancel_order', { id }, (db) => cancelOrder(db, id));
    if (id === 7) story.cancelledSeven.reach();
  }
}

/** Does its work, some of it on what the other one has just spoiled. */
export async function supportBot(hands: ShopHands, story: Story): Promise<void> {
  await hands.onShop('ship_order', { id: 2 }, (db) => shipOrder(db, 2, 'T-2'));
  await hands.onShop('restock', { sku: 'sku-4', pieces: 25 }, (db) => restock(db, 'sku-4', 25));
  await hands.onShop('change_address', { id: 9 }, (db) => changeAddress(db, 9, '1 New Road'));
  await story.cancelledSeven.reached;
  await hands.onShop('ship_order', { id: 7 }, (db) => shipOrder(db, 7, 'T-7'));
}
