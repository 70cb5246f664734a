/** Two scripted agents. What each does is a list of tool calls; `Hands` decides whether they are recorded. */
import type { filesystemSystem } from '@recant/connector-filesystem';
import type { postgresSystem } from '@recant/connector-postgres';
import type { Recant } from '@recant/sdk';
import { cancelOrder, changeAddress, type Database, deleteFile, moveFile, repriceAll, restock, shipOrder, writeNote } from './shop.ts';

export type ShopSystem = ReturnType<typeof postgresSystem>;
export type FolderSystem = ReturnType<typeof filesystemSystem>;
type Arguments = Record<string, string | number>;

/** How an agent reaches the world. */
export interface Hands {
  onShop(tool: string, args: Arguments, work: (db: Database) => Promise<void>): Promise<void>;
  /** `paths`: the files that the tool is about to touch, named before it runs. */
  onFolder(tool: string, args: Arguments, paths: readonly string[], work: (root: string) => Promise<void>): Promise<void>;
}

/** Through Recant: each call is intended, captured and settled. This is all that embedding the SDK takes. */
export function recordedHands(recant: Recant, shop: ShopSystem, folder?: { system: FolderSystem; root: string }): Hands {
  return {
    onShop: (tool, args, work) =>
      recant.action({ tool, arguments: args, systems: [shop.name], reversibility: 'reversible' }, (context) =>
        context.on(shop).transaction((tx) => work(tx)),
      ),
    onFolder: (tool, args, paths, work) => {
      if (!folder) throw new Error(`${tool}: this agent has no folder`);
      const resources = paths.map((path) => `filesystem://${folder.system.name}/${path}`);
      return recant.action({ tool, arguments: args, resources, reversibility: 'reversible' }, () => work(folder.root));
    },
  };
}

/** Without Recant: the same tools as they are. */
export function plainHands(transaction: (work: (db: Database) => Promise<void>) => Promise<void>, root: string): Hands {
  return {
    onShop: (_tool, _args, work) => transaction(work),
    onFolder: (_tool, _args, _paths, work) => work(root),
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

/** Goes wrong: it takes "tidy up the catalogue" literally. */
export async function pricingBot(hands: Hands, story: Story): Promise<void> {
  await hands.onFolder('write_file', { path: 'notes/plan.txt' }, ['notes/plan.txt'], (root) =>
    writeNote(root, 'notes/plan.txt', 'Everything must go.\n'),
  );
  await hands.onShop('reprice_all', { cents: 1 }, (db) => repriceAll(db, 1));
  await hands.onFolder('edit_file', { path: 'price-list.csv' }, ['price-list.csv'], (root) =>
    writeNote(root, 'price-list.csv', 'sku,price\n'),
  );
  for (const path of ['suppliers/acme.md', 'notes/margins.txt']) {
    await hands.onFolder('delete_file', { path }, [path], (root) => deleteFile(root, path));
  }
  const [from, to] = ['suppliers/globex.md', 'old-globex.md'] as const;
  await hands.onFolder('move_file', { from, to }, [from, to], (root) => moveFile(root, from, to));
  for (const id of [3, 7, 9]) {
    await hands.onShop('cancel_order', { id }, (db) => cancelOrder(db, id));
    if (id === 7) story.cancelledSeven.reach();
  }
}

/** Does its work, partly on what the other one has just spoiled. */
export async function supportBot(hands: Hands, story: Story): Promise<void> {
  await hands.onShop('ship_order', { id: 2, tracking: 'T-2' }, (db) => shipOrder(db, 2, 'T-2'));
  await hands.onShop('restock', { sku: 'sku-4', pieces: 25 }, (db) => restock(db, 'sku-4', 25));
  await hands.onShop('change_address', { id: 9, address: '1 New Road' }, (db) => changeAddress(db, 9, '1 New Road'));
  await story.cancelledSeven.reached;
  await hands.onShop('ship_order', { id: 7, tracking: 'T-7' }, (db) => shipOrder(db, 7, 'T-7'));
}
