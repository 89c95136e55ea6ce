-- Agents launched by `conduit-tui run`. A run that has not ended has a digest of its token, where it was given one.
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    body TEXT NOT NULL,  -- JSON
    token_digest BLOB NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    exit_code INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_by_ended_at ON runs (ended_at);
