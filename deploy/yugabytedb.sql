-- Spreads scanhook's tables over a YugabyteDB cluster. Run once, when `scanhook init` or `scanhook storage upgrade` has
-- made the tables, and before they hold anything.
--
--   ysqlsh -v ON_ERROR_STOP=1 -d scanhook -f yugabytedb.sql
--
-- YugabyteDB spreads every table by its primary key, by the hash of its first column unless the key says ASC. Tags are
-- random already, and some work walks through them in order: so they are spread by ranges, which divide by themselves as
-- they grow. Identities begin with the time, and are left to their hash. Numbers must be found in their order, too.
SET search_path TO scanhook;

ALTER TABLE codes DROP CONSTRAINT codes_pkey;
ALTER TABLE codes ADD PRIMARY KEY (tag ASC);
ALTER TABLE marks DROP CONSTRAINT marks_pkey;
ALTER TABLE marks ADD PRIMARY KEY (tag ASC);
ALTER TABLE tallies DROP CONSTRAINT tallies_pkey;
ALTER TABLE tallies ADD PRIMARY KEY (tag ASC);
ALTER TABLE scanners DROP CONSTRAINT scanners_pkey;
ALTER TABLE scanners ADD PRIMARY KEY (tag ASC, person ASC);
ALTER TABLE ranges DROP CONSTRAINT ranges_pkey;
ALTER TABLE ranges ADD PRIMARY KEY (batch_id HASH, first ASC);

-- `scans` and `events` stay spread by the hash of their identity. New numbers all fall to the end of these indexes: a
-- range of it moves to another machine as it grows.
DROP INDEX scans_by_id;
CREATE INDEX scans_by_id ON scans (id ASC);
DROP INDEX events_by_id;
CREATE INDEX events_by_id ON events (id ASC);

-- Whoever follows the journal must know the last number that was drawn: none may lie in a session's own cache.
ALTER SEQUENCE scans_id_seq CACHE 1;
ALTER SEQUENCE events_id_seq CACHE 1;
