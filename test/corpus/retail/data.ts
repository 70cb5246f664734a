import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

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

/** Rows by table, from the benchmark's `db.json`. */
export async function loadData(folder: string): Promise<Record<string, Row[]>> {
  return rowsOf(JSON.parse(await readFile(join(folder, 'db.json'), 'utf8')) as RetailData);
}

function rowsOf(data: RetailData): Record<string, Row[]> {
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
