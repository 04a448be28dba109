-- The office: what the house itself needs to work, apart from codes and scans.
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value NOT NULL
) WITHOUT ROWID;

-- `id` is the public part of the key and `digest` the keyed hash of the whole. Times are seconds since 1970. A revoked
-- key stays, and its name may be given to another.
CREATE TABLE api_keys (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL,
  scope        TEXT NOT NULL,
  digest       BLOB NOT NULL,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER,
  revoked_at   INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX api_keys_in_use ON api_keys (name) WHERE revoked_at IS NULL;

-- Access tokens of WeChat's, so that all workers share one. `name` is a digest of who calls and where; `sealed` is the
-- token encrypted with a key of the pepper's. Times are seconds since 1970.
CREATE TABLE access_tokens (
  name       TEXT PRIMARY KEY,
  sealed     BLOB NOT NULL,
  fetched_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Live goods that were added: who loses goods_id and audit_id has lost the goods. `errcode` is what WeChat answered: 0,
-- or why their review failed. Times are seconds since 1970.
CREATE TABLE live_goods (
  app_id     TEXT NOT NULL,
  goods_id   TEXT NOT NULL,
  audit_id   TEXT,
  name       TEXT NOT NULL,
  errcode    INTEGER NOT NULL,
  added_at   INTEGER NOT NULL,
  deleted_at INTEGER,
  PRIMARY KEY (app_id, goods_id)
) WITHOUT ROWID;

-- What was called of a day's quota; `day` is a date in China.
CREATE TABLE wechat_calls (
  app_id TEXT NOT NULL,
  api    TEXT NOT NULL,
  day    TEXT NOT NULL,
  calls  INTEGER NOT NULL,
  PRIMARY KEY (app_id, api, day)
) WITHOUT ROWID;

-- What WeChat's five product systems know, in one table. `owner` is the app id or corp id there; `price` is in fen; what
-- a system does not give is NULL. `revision` tells its reader whether the details must be asked for again. `seen_in` is
-- the sync that saw it last. Times are seconds since 1970.
CREATE TABLE catalog (
  system     TEXT NOT NULL,
  owner      TEXT NOT NULL,
  id         TEXT NOT NULL,
  name       TEXT,
  price      INTEGER,
  image      TEXT,
  state      TEXT,
  revision   TEXT,
  first_seen INTEGER NOT NULL,
  seen_at    INTEGER NOT NULL,
  seen_in    INTEGER NOT NULL,
  gone_at    INTEGER,
  PRIMARY KEY (system, owner, id)
) WITHOUT ROWID;

-- One run through one system; one that was stopped goes on at `place`. `why` says why it stopped.
CREATE TABLE catalog_syncs (
  id          INTEGER PRIMARY KEY,
  system      TEXT NOT NULL,
  owner       TEXT NOT NULL,
  started_at  INTEGER NOT NULL,
  finished_at INTEGER,
  failed_at   INTEGER,
  why         TEXT,
  place       TEXT NOT NULL DEFAULT '',
  seen        INTEGER NOT NULL DEFAULT 0,
  added       INTEGER NOT NULL DEFAULT 0,
  changed     INTEGER NOT NULL DEFAULT 0,
  gone        INTEGER NOT NULL DEFAULT 0
);

-- A product of the registry and what shows it, in the order of tying.
CREATE TABLE catalog_ties (
  id      INTEGER PRIMARY KEY,
  product BLOB NOT NULL,
  system  TEXT NOT NULL,
  owner   TEXT NOT NULL,
  entry   TEXT NOT NULL,
  tied_at INTEGER NOT NULL,
  UNIQUE (product, system, owner, entry)
);

-- How far the journal was looked through for the outcomes of reviews.
CREATE TABLE catalog_reviews (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  number INTEGER NOT NULL
);
