-- The journal: every scan once, in the order of arrival.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value NOT NULL
) WITHOUT ROWID;

-- `verdict` is NULL while `reason` is 'undecided', and where the answer was `success`. Times of ours are milliseconds
-- since 1970, WeChat's create_time is seconds. `ext_info` holds only codes that the registry did not know.
CREATE TABLE scans (
  id           INTEGER PRIMARY KEY,
  identity     BLOB NOT NULL UNIQUE,
  received_at  INTEGER NOT NULL,
  account      TEXT NOT NULL,
  create_time  INTEGER NOT NULL,
  key_standard TEXT NOT NULL,
  key_str      TEXT NOT NULL,
  person       BLOB NOT NULL,
  reason       TEXT NOT NULL,
  verdict      TEXT,
  verifier     TEXT,
  decided_at   INTEGER,
  product_id   BLOB,
  tag          BLOB,
  batch        TEXT,
  position     INTEGER,
  ext_info     TEXT
);

-- How often a code was scanned. A scan counts when it is decided.
CREATE TABLE tallies (
  tag      BLOB PRIMARY KEY,
  scans    INTEGER NOT NULL,
  persons  INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE scanners (
  tag    BLOB NOT NULL,
  person BLOB NOT NULL,
  PRIMARY KEY (tag, person)
) WITHOUT ROWID;

-- The other events of the family: page visits, subscriptions, regions, reviews. `fields` is JSON.
CREATE TABLE events (
  id           INTEGER PRIMARY KEY,
  identity     BLOB NOT NULL UNIQUE,
  received_at  INTEGER NOT NULL,
  account      TEXT NOT NULL,
  create_time  INTEGER NOT NULL,
  event        TEXT NOT NULL,
  key_standard TEXT NOT NULL,
  key_str      TEXT NOT NULL,
  person       BLOB,
  tag          BLOB NOT NULL,
  fields       TEXT NOT NULL
);
