/** The tools of the retail corpus over PostgreSQL. A call that breaks a rule throws `ToolError` and changes nothing. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}

type Row = Record<string, unknown>;
interface Db {
  query(text: string, values?: unknown[]): Promise<{ rows: Row[] }>;
}
type Tool = (db: Db, args: never) => Promise<unknown>;

const KEYS = {
  customer: ['user_id'],
  payment_method: ['user_id', 'payment_method_id'],
  order: ['order_id'],
  order_item: ['order_id', 'position'],
} as const;

async function update(db: Db, table: keyof typeof KEYS, key: readonly unknown[], values: Row): Promise<void> {
  const columns = Object.keys(values);
  const set = columns.map((column, at) => `"${column}" = $${at + 1}`).join(', ');
  const where = KEYS[table].map((column, at) => `"${column}" = $${columns.length + at + 1}`).join(' AND ');
  await db.query(`UPDATE "${table}" SET ${set} WHERE ${where}`, [...Object.values(values), ...key]);
}

async function one(db: Db, text: string, values: unknown[], missing: string): Promise<Row> {
  const { rows } = await db.query(text, values);
  if (rows[0] === undefined) throw new ToolError(`${missing} not found`);
  return rows[0];
}
const lockOrder = (db: Db, id: string) => one(db, 'SELECT * FROM "order" WHERE order_id = $1 FOR UPDATE', [id], 'Order');
const lockMethod = (db: Db, user: unknown, id: string) =>
  one(db, 'SELECT * FROM payment_method WHERE user_id = $1 AND payment_method_id = $2 FOR UPDATE', [user, id], 'Payment method');

const cents = (amount: unknown): number => Math.round(Number(amount) * 100);
const money = (amountCents: number): string => (amountCents / 100).toFixed(2);
const isGiftCard = (method: Row): boolean => method.source === 'gift_card';

/** Adds to the balance of a gift card (negative: subtracts); other methods have no balance. */
async function moveBalance(db: Db, user: unknown, methodId: string, amountCents: number): Promise<void> {
  const method = await lockMethod(db, user, methodId);
  if (isGiftCard(method)) await update(db, 'payment_method', [user, methodId], { balance: money(cents(method.balance) + amountCents) });
}

async function appendPayments(
  db: Db,
  orderId: string,
  payments: readonly { type: string; amountCents: number; method: string }[],
): Promise<void> {
  for (const { type, amountCents, method } of payments) {
    await db.query(`INSERT INTO payment SELECT $1, coalesce(max(position), -1) + 1, $2, $3, $4 FROM payment WHERE order_id = $1`, [
      orderId,
      type,
      money(amountCents),
      method,
    ]);
  }
}

const paymentsOf = async (db: Db, orderId: string) =>
  (await db.query('SELECT * FROM payment WHERE order_id = $1 ORDER BY position', [orderId])).rows;

/** The rows of the order that the item ids name, each row once. */
async function itemsOf(db: Db, orderId: string, itemIds: readonly string[]): Promise<Row[]> {
  const { rows } = await db.query('SELECT * FROM order_item WHERE order_id = $1 ORDER BY position', [orderId]);
  return itemIds.map((id) => {
    const at = rows.findIndex((row) => row.item_id === id);
    if (at < 0) throw new ToolError(`Item ${id} not found in the order`);
    return rows.splice(at, 1)[0] as Row;
  });
}

/** The new variants for the items, checked; and the price difference in cents (positive: the customer pays). */
async function replacements(
  db: Db,
  items: readonly Row[],
  newItemIds: readonly string[],
): Promise<{ variants: Row[]; differenceCents: number }> {
  if (items.length !== newItemIds.length) throw new ToolError('The number of items to be exchanged should match');
  const variants: Row[] = [];
  let differenceCents = 0;
  for (const [at, item] of items.entries()) {
    const variant = await one(
      db,
      'SELECT * FROM variant WHERE item_id = $1 AND product_id = $2',
      [newItemIds[at], item.product_id],
      'Variant',
    );
    if (variant.available !== true) throw new ToolError(`New item ${newItemIds[at]} not available`);
    variants.push(variant);
    differenceCents += cents(variant.price) - cents(item.price);
  }
  return { variants, differenceCents };
}

interface OrderArgs {
  order_id: string;
}
type AddressArgs = Record<'address1' | 'address2' | 'city' | 'state' | 'country' | 'zip', string>;
interface ItemsArgs extends OrderArgs {
  item_ids: string[];
  payment_method_id: string;
}
interface ReplaceArgs extends ItemsArgs {
  new_item_ids: string[];
}
const addressOf = ({ address1, address2, city, state, country, zip }: AddressArgs) => ({ address1, address2, city, state, country, zip });

async function cancelPendingOrder(db: Db, { order_id, reason }: OrderArgs & { reason: string }): Promise<string> {
  const order = await lockOrder(db, order_id);
  if (order.status !== 'pending') throw new ToolError('Non-pending order cannot be cancelled');
  if (!['no longer needed', 'ordered by mistake'].includes(reason)) throw new ToolError('Invalid reason');
  const refunds = (await paymentsOf(db, order_id)).map((payment) => ({
    type: 'refund',
    amountCents: cents(payment.amount),
    method: String(payment.payment_method_id),
  }));
  for (const { method, amountCents } of refunds) await moveBalance(db, order.user_id, method, amountCents);
  await appendPayments(db, order_id, refunds);
  await update(db, 'order', [order_id], { status: 'cancelled', cancel_reason: reason });
  return order_id;
}

async function modifyPendingOrderAddress(db: Db, args: OrderArgs & AddressArgs): Promise<string> {
  const order = await lockOrder(db, args.order_id);
  if (!String(order.status).startsWith('pending')) throw new ToolError('Non-pending order cannot be modified');
  await update(db, 'order', [args.order_id], addressOf(args));
  return args.order_id;
}

async function modifyPendingOrderItems(db: Db, { order_id, item_ids, new_item_ids, payment_method_id }: ReplaceArgs): Promise<string> {
  const order = await lockOrder(db, order_id);
  if (order.status !== 'pending') throw new ToolError('Non-pending order cannot be modified');
  const items = await itemsOf(db, order_id, item_ids);
  const { variants, differenceCents } = await replacements(db, items, new_item_ids);
  const method = await lockMethod(db, order.user_id, payment_method_id);
  if (isGiftCard(method) && cents(method.balance) < differenceCents) throw new ToolError('Insufficient gift card balance');
  const type = differenceCents > 0 ? 'payment' : 'refund';
  await appendPayments(db, order_id, [{ type, amountCents: Math.abs(differenceCents), method: payment_method_id }]);
  await moveBalance(db, order.user_id, payment_method_id, -differenceCents);
  for (const [at, item] of items.entries()) {
    const { item_id, price, options } = variants[at] as Row;
    await update(db, 'order_item', [order_id, item.position], { item_id, price, options: JSON.stringify(options) });
  }
  await update(db, 'order', [order_id], { status: 'pending (item modified)' });
  return order_id;
}

async function modifyPendingOrderPayment(
  db: Db,
  { order_id, payment_method_id }: OrderArgs & { payment_method_id: string },
): Promise<string> {
  const order = await lockOrder(db, order_id);
  if (!String(order.status).startsWith('pending')) throw new ToolError('Non-pending order cannot be modified');
  const history = await paymentsOf(db, order_id);
  const [first] = history;
  if (history.length !== 1 || first?.transaction_type !== 'payment')
    throw new ToolError('There should be exactly one payment for a pending order');
  if (first.payment_method_id === payment_method_id) throw new ToolError('The new payment method should be different from the current one');
  const method = await lockMethod(db, order.user_id, payment_method_id);
  const amountCents = cents(first.amount);
  if (isGiftCard(method) && cents(method.balance) < amountCents) throw new ToolError('Insufficient gift card balance');
  const old = String(first.payment_method_id);
  await appendPayments(db, order_id, [
    { type: 'payment', amountCents, method: payment_method_id },
    { type: 'refund', amountCents, method: old },
  ]);
  await moveBalance(db, order.user_id, payment_method_id, -amountCents);
  await moveBalance(db, order.user_id, old, amountCents);
  return order_id;
}

async function modifyUserAddress(db: Db, args: AddressArgs & { user_id: string }): Promise<string> {
  await one(db, 'SELECT 1 FROM customer WHERE user_id = $1 FOR UPDATE', [args.user_id], 'User');
  await update(db, 'customer', [args.user_id], addressOf(args));
  return args.user_id;
}

async function returnDeliveredOrderItems(db: Db, { order_id, item_ids, payment_method_id }: ItemsArgs): Promise<string> {
  const order = await lockOrder(db, order_id);
  if (order.status !== 'delivered') throw new ToolError('Non-delivered order cannot be returned');
  const method = await lockMethod(db, order.user_id, payment_method_id);
  const [first] = await paymentsOf(db, order_id);
  if (!isGiftCard(method) && first?.payment_method_id !== payment_method_id)
    throw new ToolError('Payment method should be the original payment method');
  await itemsOf(db, order_id, item_ids);
  await update(db, 'order', [order_id], {
    status: 'return requested',
    return_items: [...item_ids].sort(),
    return_payment_method_id: payment_method_id,
  });
  return order_id;
}

async function exchangeDeliveredOrderItems(db: Db, { order_id, item_ids, new_item_ids, payment_method_id }: ReplaceArgs): Promise<string> {
  const order = await lockOrder(db, order_id);
  if (order.status !== 'delivered') throw new ToolError('Non-delivered order cannot be exchanged');
  const { differenceCents } = await replacements(db, await itemsOf(db, order_id, item_ids), new_item_ids);
  const method = await lockMethod(db, order.user_id, payment_method_id);
  if (isGiftCard(method) && cents(method.balance) < differenceCents)
    throw new ToolError('Insufficient gift card balance to pay for the price difference');
  await update(db, 'order', [order_id], {
    status: 'exchange requested',
    exchange_items: [...item_ids].sort(),
    exchange_new_items: [...new_item_ids].sort(),
    exchange_payment_method_id: payment_method_id,
    exchange_price_difference: money(differenceCents),
  });
  return order_id;
}

const WRITES: Record<string, Tool> = {
  cancel_pending_order: cancelPendingOrder,
  modify_pending_order_address: modifyPendingOrderAddress,
  modify_pending_order_items: modifyPendingOrderItems,
  modify_pending_order_payment: modifyPendingOrderPayment,
  modify_user_address: modifyUserAddress,
  return_delivered_order_items: returnDeliveredOrderItems,
  exchange_delivered_order_items: exchangeDeliveredOrderItems,
};

/** Finds a customer by the given fields. */
async function findUser(db: Db, args: Row): Promise<unknown> {
  const columns = Object.keys(args).filter((column) => ['first_name', 'last_name', 'zip', 'email'].includes(column));
  const where = columns.map((column, at) => `lower("${column}") = lower($${at + 1})`).join(' AND ');
  return (
    await one(
      db,
      `SELECT user_id FROM customer WHERE ${where}`,
      columns.map((column) => args[column]),
      'User',
    )
  ).user_id;
}

const READS: Record<string, Tool> = {
  find_user_id_by_name_zip: findUser,
  find_user_id_by_email: findUser,
  get_user_details: (db, { user_id }: { user_id: string }) => one(db, 'SELECT * FROM customer WHERE user_id = $1', [user_id], 'User'),
  get_order_details: (db, { order_id }: OrderArgs) => one(db, 'SELECT * FROM "order" WHERE order_id = $1', [order_id], 'Order'),
  get_product_details: (db, { product_id }: { product_id: string }) =>
    one(db, 'SELECT * FROM product WHERE product_id = $1', [product_id], 'Product'),
  get_item_details: (db, { item_id }: { item_id: string }) => one(db, 'SELECT * FROM variant WHERE item_id = $1', [item_id], 'Item'),
  calculate: async () => 'left to the model',
  transfer_to_human_agents: async () => 'Transfer successful',
};

/** What the harness calls, by the name that a session gives. */
export const tools = { ...READS, ...WRITES };
/** Tools that change data. */
export const writes: readonly string[] = Object.keys(WRITES);
