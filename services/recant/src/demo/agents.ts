/** Two scripted agents: each is a list of tool calls. `Tools` decides whether a call is recorded. */
import type { Directory, FilesystemSystem } from '@recant/connector-filesystem';
import type { postgresSystem } from '@recant/connector-postgres';
import type { Recant } from '@recant/sdk';
import { cancelOrder, changeAddress, type Database, repriceAll, restock, shipOrder } from './shop.ts';

export type ShopSystem = ReturnType<typeof postgresSystem>;
type Arguments = Record<string, string | number>;

export interface ShopTools {
  onShop(tool: string, args: Arguments, work: (db: Database) => Promise<void>): Promise<void>;
}
export interface Tools extends ShopTools {
  onFolder(tool: string, args: Arguments, work: (folder: Directory) => Promise<void>): Promise<void>;
}

/** Recorded: the SDK sends the intent before a call, captures its effects, and settles it. This is all the code that embedding the SDK needs. */
export function recordedShopTools(recant: Recant, shop: ShopSystem): ShopTools {
  return {
    onShop: (tool, args, work) => recant.action(tool, args, (context) => context.on(shop).transaction((tx) => work(tx))),
  };
}

export function recordedTools(recant: Recant, shop: ShopSystem, folder: FilesystemSystem): Tools {
  return {
    ...recordedShopTools(recant, shop),
    onFolder: (tool, args, work) => recant.action(tool, args, (context) => work(context.on(folder))),
  };
}

/** A point that one agent waits for and the other reaches, so that concurrent agents always give the same result. */
export interface Moment {
  readonly reached: Promise<void>;
  reach(): void;
}
export function moment(): Moment {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { reached: promise, reach: resolve };
}

export interface Story {
  /** support-bot's goods are in: prices change afterwards. */
  readonly restocked: Moment;
  /** Order 7 has been cancelled (in the control run, without the pricing bot: at once). */
  readonly cancelledSeven: Moment;
}

/** Goes wrong: told to tidy up the catalogue, it takes that literally. */
export async function pricingBot(tools: Tools, story: Story): Promise<void> {
  await tools.onFolder('write_file', { path: 'notes/plan.txt' }, (folder) => folder.writeFile('notes/plan.txt', 'Everything must go.\n'));
  await story.restocked.reached;
  await tools.onShop('reprice_all', { cents: 1 }, (db) => repriceAll(db, 1));
  await tools.onFolder('edit_file', { path: 'price-list.csv' }, (folder) => folder.edit('price-list.csv', '12.50', '0.01'));
  for (const path of ['suppliers/acme.md', 'notes/margins.txt']) {
    await tools.onFolder('delete_file', { path }, (folder) => folder.remove(path));
  }
  const [from, to] = ['suppliers/globex.md', 'old-globex.md'] as const;
  await tools.onFolder('move_file', { from, to }, (folder) => folder.move(from, to));
  for (const id of [3, 7, 9]) {
    await tools.onShop('cancel_order', { id }, (db) => cancelOrder(db, id));
    if (id === 7) story.cancelledSeven.reach();
  }
}

/** Works correctly, partly on data that the other agent has just damaged. */
export async function supportBot(tools: ShopTools, story: Story): Promise<void> {
  await tools.onShop('ship_order', { id: 2 }, (db) => shipOrder(db, 2, 'T-2'));
  await tools.onShop('restock', { sku: 'sku-4', pieces: 25 }, (db) => restock(db, 'sku-4', 25));
  story.restocked.reach();
  await tools.onShop('change_address', { id: 9 }, (db) => changeAddress(db, 9, '1 New Road'));
  await story.cancelledSeven.reached;
  await tools.onShop('ship_order', { id: 7 }, (db) => shipOrder(db, 7, 'T-7'));
}
