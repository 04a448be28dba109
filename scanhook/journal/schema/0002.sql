-- People: an openid is kept only where the settings ask for it, and what was erased stays erased after a restore.
-- And the counts of a code can begin anew.
--
-- `source` is NULL where WeChat asked, else the name of the API key. `need_anti_fake` is what the push said; NULL where
-- nothing said it, as in rows that are older than the column. `asked` is what a question over the API was about: the
-- keyed hash of account, product name and code as they were given; NULL where WeChat asked.
ALTER TABLE scans ADD COLUMN openid TEXT;
ALTER TABLE scans ADD COLUMN source TEXT;
ALTER TABLE scans ADD COLUMN need_anti_fake INTEGER;
ALTER TABLE scans ADD COLUMN asked BLOB;
ALTER TABLE events ADD COLUMN openid TEXT;

-- The newest erasure of each person that was applied here. `mark` is a keyed hash of the person's hash. `replacement` is
-- what the person's hash becomes; it is forgotten once the erasure is done, or it would lead back to the person.
-- `walked`: the whole journal was walked through for it once; the second walk is an hour later.
CREATE TABLE erasures (
  mark        BLOB PRIMARY KEY,
  at          INTEGER NOT NULL,
  replacement BLOB,
  walked      INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Where the counts of a code began anew, by whom, and what they were. No scan up to the id `through` counts any more.
CREATE TABLE resets (
  tag      BLOB NOT NULL,
  number   INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  who      TEXT NOT NULL,
  why      TEXT NOT NULL,
  through  INTEGER NOT NULL,
  scans    INTEGER NOT NULL,
  persons  INTEGER NOT NULL,
  first_at INTEGER,
  last_at  INTEGER,
  PRIMARY KEY (tag, number)
) WITHOUT ROWID;
