CREATE TABLE orders (id bigint PRIMARY KEY, placed timestamptz NOT NULL);
