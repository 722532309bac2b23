CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);
ALTER TABLE orders ADD COLUMN customer bigint REFERENCES customers;
