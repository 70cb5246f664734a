-- The retail corpus, normalised, so that one tool call writes rows of several tables.
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
