/**
 * A small shop: its initial data and the tools that work on it. The tools are ordinary functions that know nothing of Recant; agents.ts records
 * them, the control run calls them directly.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A pg client, or a transaction of the SDK. */
export interface Database {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[]; rowCount: number | null }>;
}

/** Tables and their primary keys. */
export const SHOP_TABLES: Readonly<Record<string, readonly string[]>> = {
  products: ['sku'],
  orders: ['id'],
  reservations: ['order_id'],
  reserved_items: ['order_id', 'item'],
  refunds: ['order_id'],
};

export const SHOP_SCHEMA = `
  CREATE TABLE products (sku text PRIMARY KEY, name text NOT NULL, price_cents integer NOT NULL, stock integer NOT NULL);
  CREATE TABLE orders (id integer PRIMARY KEY, customer text NOT NULL, sku text NOT NULL REFERENCES products, status text NOT NULL, address text NOT NULL, tracking text);
  CREATE TABLE reservations (order_id integer PRIMARY KEY REFERENCES orders, shelf text NOT NULL);
  CREATE TABLE reserved_items (order_id integer REFERENCES reservations ON DELETE CASCADE, item integer, serial text NOT NULL, PRIMARY KEY (order_id, item));
  CREATE TABLE refunds (order_id integer PRIMARY KEY REFERENCES orders, cents integer NOT NULL);
  INSERT INTO products SELECT 'sku-' || n, 'Product ' || n, 1000 + 250 * n, 10 * n FROM generate_series(1, 8) n;
  INSERT INTO orders SELECT n, 'customer-' || n, 'sku-' || 1 + n % 8, 'pending', n || ' Harbour Street', NULL FROM generate_series(1, 12) n;
  INSERT INTO reservations SELECT n, 'shelf ' || n FROM generate_series(1, 12) n;
  INSERT INTO reserved_items SELECT n, i, 'serial-' || n || '-' || i FROM generate_series(1, 12) n, generate_series(1, 2) i;
`;

export const SHOP_FILES: Readonly<Record<string, string>> = {
  'price-list.csv': 'sku,price\nsku-1,12.50\nsku-2,15.00\nsku-3,17.50\n',
  'suppliers/acme.md': '# Acme\n\nNet 30 days, 4 % discount over 500 pieces.\n',
  'suppliers/globex.md': '# Globex\n\nPays on delivery. Contract until 2027.\n',
  'notes/margins.txt': 'Never below 12 %.\n',
};

export async function fillFolder(root: string): Promise<void> {
  for (const [path, text] of Object.entries(SHOP_FILES)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

export async function repriceAll(db: Database, cents: number): Promise<void> {
  await db.query('UPDATE products SET price_cents = $1', [cents]);
}

/** Cancels and refunds; deletes the reservation and, by ON DELETE CASCADE, its items. */
export async function cancelOrder(db: Database, id: number): Promise<void> {
  await db.query(`UPDATE orders SET status = 'cancelled' WHERE id = $1`, [id]);
  await db.query('INSERT INTO refunds SELECT o.id, p.price_cents FROM orders o JOIN products p USING (sku) WHERE o.id = $1', [id]);
  await db.query('DELETE FROM reservations WHERE order_id = $1', [id]);
}

export async function shipOrder(db: Database, id: number, tracking: string): Promise<void> {
  await db.query(`UPDATE orders SET status = 'shipped', tracking = $2 WHERE id = $1`, [id, tracking]);
}

export async function changeAddress(db: Database, id: number, address: string): Promise<void> {
  await db.query('UPDATE orders SET address = $2 WHERE id = $1', [id, address]);
}

export async function restock(db: Database, sku: string, pieces: number): Promise<void> {
  await db.query('UPDATE products SET stock = stock + $2 WHERE sku = $1', [sku, pieces]);
}
