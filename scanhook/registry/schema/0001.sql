-- The registry: products, their batches, and codes as tags.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value NOT NULL
) WITHOUT ROWID;

-- A product is found by (account, key_standard, key_str). `shown` is 0 while the import that made it is not finished:
-- until then the product is unknown, or its unfinished codes would be called fake.
CREATE TABLE products (
  id            BLOB PRIMARY KEY,
  account       TEXT NOT NULL,
  key_standard  TEXT NOT NULL,
  key_str       TEXT NOT NULL,
  state         TEXT NOT NULL,
  loading       INTEGER NOT NULL,
  normalisation TEXT NOT NULL,
  verdicts      TEXT NOT NULL,
  qr_prefix     TEXT NOT NULL,
  shown         INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  UNIQUE (account, key_standard, key_str)
) WITHOUT ROWID;

-- One row for each import; `shown` turns to 1 in the import's last transaction, and with it every code of the import.
CREATE TABLE imports (
  id         INTEGER PRIMARY KEY,
  file       TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at   INTEGER,
  shown      INTEGER NOT NULL
);

CREATE TABLE batches (
  id           INTEGER PRIMARY KEY,
  product_id   BLOB NOT NULL,
  name         TEXT NOT NULL,
  state        TEXT NOT NULL,
  activates_at INTEGER,
  expires_at   INTEGER,
  pepper_id    TEXT NOT NULL,
  positions    INTEGER NOT NULL,
  UNIQUE (product_id, name)
);

-- What one import brought to one batch in one state; `last` is the highest position that it gave away.
CREATE TABLE parts (
  id        INTEGER PRIMARY KEY,
  import_id INTEGER NOT NULL,
  batch_id  INTEGER NOT NULL,
  state     TEXT NOT NULL,
  codes     INTEGER NOT NULL,
  last      INTEGER NOT NULL
);

CREATE TABLE codes (
  tag      BLOB PRIMARY KEY,
  part_id  INTEGER NOT NULL,
  position INTEGER NOT NULL
) WITHOUT ROWID;
