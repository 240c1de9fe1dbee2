/**
 * What each schema version adds to the one before it, oldest first; a released entry never changes.
 * `records` and `payloads` are the store's; `owners` and `runs` are the local runner's, which the
 * services of one machine share.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE records (
    name TEXT PRIMARY KEY,
    backend TEXT NOT NULL,
    uid TEXT NOT NULL,
    version INTEGER NOT NULL,
    record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX records_of_backend ON records (backend);

  -- Apart from the records, so that a change of state does not write the credentials anew.
  CREATE TABLE payloads (
    uid TEXT PRIMARY KEY,
    asked TEXT NOT NULL,
    plan TEXT NOT NULL,
    echo TEXT NOT NULL,
    callback TEXT,
    secrets TEXT NOT NULL
  ) STRICT;

  -- The one process that serves a backend.
  CREATE TABLE owners (
    backend TEXT PRIMARY KEY,
    token TEXT NOT NULL,
    process TEXT NOT NULL
  ) STRICT;

  -- The line of all backends is the order of seq. slots are those that a run holds.
  CREATE TABLE runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    backend TEXT NOT NULL,
    record_uid TEXT NOT NULL,
    plan TEXT NOT NULL,
    wanted INTEGER NOT NULL,
    state TEXT NOT NULL,
    slots TEXT
  ) STRICT;
  `,
  `
  -- The whole of what the record has in small; it holds no credential.
  ALTER TABLE payloads ADD COLUMN result TEXT;
  `,
  `
  -- What is kept beside a record, apart from the payload, since it is written more often.
  CREATE TABLE attachments (
    uid TEXT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (uid, name)
  ) STRICT;
  INSERT INTO attachments SELECT uid, 'result', result FROM payloads WHERE result IS NOT NULL;
  ALTER TABLE payloads DROP COLUMN result;
  `,
  `
  -- What was sent, without its credentials, and these.
  ALTER TABLE payloads ADD COLUMN request TEXT;
  ALTER TABLE payloads ADD COLUMN request_credentials TEXT;
  `,
];
