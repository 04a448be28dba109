-- Spreads scanhook's tables over a Citus cluster. Run once on the coordinator, as a superuser, when `scanhook init` or
-- `scanhook storage upgrade` has made the tables, and before they hold much: rows that are there move along.
--
--   psql -v ON_ERROR_STOP=1 -d scanhook -f citus.sql
--
-- Whatever a scan asks is found by one value of the column that a table is spread by, so that it is answered by one
-- machine, and two scans of different codes share none but the coordinator.
CREATE EXTENSION IF NOT EXISTS citus;
SET search_path TO scanhook;
SET citus.shard_count = 128;  -- fits 2 to 64 machines; one is hard to change later

-- By the code: what is known of it, and how often it was scanned.
SELECT create_distributed_table('codes', 'tag', colocate_with => 'none');
SELECT create_distributed_table('marks', 'tag', colocate_with => 'codes');
SELECT create_distributed_table('tallies', 'tag', colocate_with => 'codes');
SELECT create_distributed_table('scanners', 'tag', colocate_with => 'codes');
SELECT create_distributed_table('resets', 'tag', colocate_with => 'codes');

-- By the push: it is stored once, whoever brings it.
SELECT create_distributed_table('scans', 'identity', colocate_with => 'none');
SELECT create_distributed_table('events', 'identity', colocate_with => 'scans');

-- Small, and asked with every scan: a copy on every machine. A change of theirs is written to all of them at once.
SELECT create_reference_table('meta');
SELECT create_reference_table('products');
SELECT create_reference_table('imports');
SELECT create_reference_table('batches');
SELECT create_reference_table('parts');
SELECT create_reference_table('ranges');

-- All other tables stay on the coordinator: changes, befores, handovers, erasures, and those of the office.
