-- What is counted of a code, and who has scanned it, beside each other: a scan that is counted changes one page of the
-- file, and not two. The row without a person (x'', for no person's hash is empty) has the counts of its code; every
-- other row is a person who has scanned it, and has none.
CREATE TABLE counts (
  tag      BLOB NOT NULL,
  person   BLOB NOT NULL,
  scans    INTEGER NOT NULL DEFAULT 0,
  persons  INTEGER NOT NULL DEFAULT 0,
  first_at INTEGER NOT NULL DEFAULT 0,
  last_at  INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tag, person)
) WITHOUT ROWID;

-- Both are read in the order of their keys, so that nothing is sorted, and rows are added at the end.
INSERT INTO counts (tag, person, scans, persons, first_at, last_at)
SELECT tag, x'' AS person, scans, persons, first_at, last_at FROM tallies
UNION ALL
SELECT tag, person, 0, 0, 0, 0 FROM scanners
ORDER BY tag, person;

DROP TABLE tallies;
DROP TABLE scanners;

-- Who reads finds the two as they are on PostgreSQL.
CREATE VIEW tallies AS SELECT tag, scans, persons, first_at, last_at FROM counts WHERE person = x'';
CREATE VIEW scanners AS SELECT tag, person FROM counts WHERE person <> x'';
