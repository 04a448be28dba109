-- The life cycle: marks on products, batches, ranges and single codes; who changed what, and how to undo it.
--
-- A mark is (state, activated_by, activates_at, expires_at, change_id): the state that its level says, the change that
-- activated it (0: none did), times in seconds since 1970, and the newest change that wrote it (0: none did).
ALTER TABLE products ADD COLUMN activated_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE products ADD COLUMN activates_at INTEGER;
ALTER TABLE products ADD COLUMN expires_at INTEGER;
ALTER TABLE products ADD COLUMN change_id INTEGER NOT NULL DEFAULT 0;

-- `ranged` is 1 once a change has touched a range of the batch: only then is `ranges` asked.
ALTER TABLE batches ADD COLUMN activated_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN change_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN ranged INTEGER NOT NULL DEFAULT 0;

-- The change that brought the part; an activation lifts an issued part only if it is newer.
ALTER TABLE parts ADD COLUMN change_id INTEGER NOT NULL DEFAULT 0;

-- `marked` is 1 once a change has touched this very code: only then is `marks` asked.
ALTER TABLE codes ADD COLUMN marked INTEGER;

-- `kind` is 'import' or 'mint'. `phase` is 'queued', 'reading', 'loading', 'done', 'refused', 'failed' or 'dropped'.
-- `digest` knows the file again, `options` and `report` are JSON, and `loaded` says how many of the sorted stacks of tags
-- are stored: a killed import goes on behind them.
ALTER TABLE imports ADD COLUMN kind TEXT NOT NULL DEFAULT 'import';
ALTER TABLE imports ADD COLUMN phase TEXT NOT NULL DEFAULT 'done';
UPDATE imports SET phase = 'dropped' WHERE shown = 0;
ALTER TABLE imports ADD COLUMN who TEXT NOT NULL DEFAULT '';
ALTER TABLE imports ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE imports ADD COLUMN digest BLOB;
ALTER TABLE imports ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
ALTER TABLE imports ADD COLUMN done INTEGER NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN total INTEGER NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN loaded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN report TEXT NOT NULL DEFAULT '{}';
ALTER TABLE imports ADD COLUMN change_id INTEGER NOT NULL DEFAULT 0;

-- Codes of a batch by their position; the rows of one batch never overlap.
CREATE TABLE ranges (
  batch_id     INTEGER NOT NULL,
  first        INTEGER NOT NULL,
  last         INTEGER NOT NULL,
  state        TEXT NOT NULL,
  activated_by INTEGER NOT NULL,
  activates_at INTEGER,
  expires_at   INTEGER,
  change_id    INTEGER NOT NULL,
  PRIMARY KEY (batch_id, first)
) WITHOUT ROWID;

CREATE TABLE marks (
  tag          BLOB PRIMARY KEY,
  state        TEXT NOT NULL,
  activated_by INTEGER NOT NULL,
  activates_at INTEGER,
  expires_at   INTEGER,
  change_id    INTEGER NOT NULL
) WITHOUT ROWID;

-- Every change of a state, every import and every change of a product's settings. `at` is seconds since 1970; `details`
-- is JSON. `undone_by` names the change that took it back.
CREATE TABLE changes (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  at         INTEGER NOT NULL,
  who        TEXT NOT NULL,
  why        TEXT NOT NULL,
  action     TEXT NOT NULL,
  level      TEXT NOT NULL,
  product_id BLOB,
  batch_id   INTEGER,
  codes      INTEGER NOT NULL,
  details    TEXT NOT NULL DEFAULT '{}',
  undoes     INTEGER,
  undone_by  INTEGER
);
CREATE INDEX changes_of_product ON changes (product_id, id);
CREATE INDEX changes_of_batch ON changes (batch_id, id);

-- What a change found, one row for each mark that it wrote over: enough to undo it. `was` is the mark's change_id. Where
-- there was no mark, the row holds an empty one: 'active', and 0 or NULL for the rest. So do all rows of an undo, which
-- only say what it touched.
CREATE TABLE befores (
  change_id    INTEGER NOT NULL,
  number       INTEGER NOT NULL,
  product_id   BLOB,
  batch_id     INTEGER,
  first        INTEGER,
  last         INTEGER,
  tag          BLOB,
  state        TEXT,
  activated_by INTEGER,
  activates_at INTEGER,
  expires_at   INTEGER,
  was          INTEGER,
  PRIMARY KEY (change_id, number)
) WITHOUT ROWID;
CREATE INDEX befores_of_batch ON befores (batch_id, change_id) WHERE batch_id IS NOT NULL;
CREATE INDEX befores_of_code ON befores (tag, change_id) WHERE tag IS NOT NULL;

-- A minted file, handed over once: to whom, by whom, and its SHA-256 as it was written. `done` is 0 until it lies there.
CREATE TABLE handovers (
  import_id INTEGER PRIMARY KEY,
  batch_id  INTEGER NOT NULL,
  path      TEXT NOT NULL,
  taken_by  TEXT NOT NULL,
  recipient TEXT NOT NULL,
  sha256    TEXT NOT NULL,
  at        INTEGER NOT NULL,
  done      INTEGER NOT NULL
);

CREATE INDEX parts_of_batch ON parts (batch_id);
CREATE INDEX parts_of_import ON parts (import_id);
