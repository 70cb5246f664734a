import type { Client } from 'pg';

/** Tables of the retail corpus, normalised, so that one tool call writes rows of several tables. */
const SCHEMA = `
  CREATE TABLE product (product_id text PRIMARY KEY, name text NOT NULL);
  CREATE TABLE variant (
    item_id text PRIMARY KEY, product_id text NOT NULL REFERENCES product, options jsonb NOT NULL, available boolean NOT NULL, price numeric(12,2) NOT NULL);
  CREATE TABLE customer (
    user_id text PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL, email text NOT NULL,
    address1 text NOT NULL, address2 text NOT NULL, city text NOT NULL, state text NOT NULL, country text NOT NULL, zip text NOT NULL);
  CREATE TABLE payment_method (
    user_id text NOT NULL REFERENCES customer, payment_method_id text NOT NULL, source text NOT NULL, brand text, last_four text, balance numeric(12,2),
    PRIMARY KEY (user_id, payment_method_id));
  CREATE TABLE "order" (
    order_id text PRIMARY KEY, user_id text NOT NULL REFERENCES customer, status text NOT NULL, cancel_reason text,
    address1 text NOT NULL, address2 text NOT NULL, city text NOT NULL, state text NOT NULL, country text NOT NULL, zip text NOT NULL,
    return_items text[], return_payment_method_id text,
    exchange_items text[], exchange_new_items text[], exchange_payment_method_id text, exchange_price_difference numeric(12,2));
  CREATE TABLE order_item (
    order_id text NOT NULL REFERENCES "order", position int NOT NULL, item_id text NOT NULL REFERENCES variant, product_id text NOT NULL REFERENCES product,
    price numeric(12,2) NOT NULL, options jsonb NOT NULL, PRIMARY KEY (order_id, position));
  CREATE TABLE payment (
    order_id text NOT NULL REFERENCES "order", position int NOT NULL, transaction_type text NOT NULL, amount numeric(12,2) NOT NULL, payment_method_id text NOT NULL,
    PRIMARY KEY (order_id, position));
`;

/** Primary key columns by table: the harness and the tools share this, Recant reads the catalogue. */
export const PRIMARY_KEYS = {
  product: ['product_id'],
  variant: ['item_id'],
  customer: ['user_id'],
  payment_method: ['user_id', 'payment_method_id'],
  order: ['order_id'],
  order_item: ['order_id', 'position'],
  payment: ['order_id', 'position'],
} as const satisfies Record<string, readonly string[]>;
export type Table = keyof typeof PRIMARY_KEYS;
export const TABLES = Object.keys(PRIMARY_KEYS) as Table[];

interface Address {
  address1: string;
  address2: string;
  city: string;
  state: string;
  country: string;
  zip: string;
}
interface RetailData {
  products: Record<
    string,
    { product_id: string; name: string; variants: Record<string, { item_id: string; options: object; available: boolean; price: number }> }
  >;
  users: Record<
    string,
    {
      user_id: string;
      name: { first_name: string; last_name: string };
      email: string;
      address: Address;
      payment_methods: Record<string, { id: string; source: string; brand?: string; last_four?: string; balance?: number }>;
    }
  >;
  orders: Record<
    string,
    {
      order_id: string;
      user_id: string;
      status: string;
      address: Address;
      items: { item_id: string; product_id: string; price: number; options: object }[];
      payment_history: { transaction_type: string; amount: number; payment_method_id: string }[];
    }
  >;
}

type Row = Record<string, unknown>;

/** Creates the tables and loads the corpus' starting database. */
export async function loadRetail(db: Client, data: RetailData): Promise<void> {
  await db.query(SCHEMA);
  for (const [table, rows] of Object.entries(rowsOf(data))) {
    await db.query(`INSERT INTO "${table}" SELECT * FROM jsonb_populate_recordset(NULL::"${table}", $1::jsonb)`, [JSON.stringify(rows)]);
  }
}

function rowsOf(data: RetailData): Record<Table, Row[]> {
  const products = Object.values(data.products);
  const users = Object.values(data.users);
  const orders = Object.values(data.orders);
  return {
    product: products.map(({ product_id, name }) => ({ product_id, name })),
    variant: products.flatMap(({ product_id, variants }) => Object.values(variants).map((variant) => ({ ...variant, product_id }))),
    customer: users.map(({ user_id, name, email, address }) => ({ user_id, email, ...name, ...address })),
    payment_method: users.flatMap(({ user_id, payment_methods }) =>
      Object.values(payment_methods).map(({ id, ...method }) => ({ user_id, payment_method_id: id, ...method })),
    ),
    order: orders.map(({ order_id, user_id, status, address }) => ({ order_id, user_id, status, ...address })),
    order_item: orders.flatMap(({ order_id, items }) =>
      items.map(({ item_id, product_id, price, options }, position) => ({ order_id, position, item_id, product_id, price, options })),
    ),
    payment: orders.flatMap(({ order_id, payment_history }) =>
      payment_history.map((payment, position) => ({ order_id, position, ...payment })),
    ),
  };
}
