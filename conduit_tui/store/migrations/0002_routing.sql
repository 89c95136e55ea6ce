-- Rules, what was kept of requests for trying rules on them, and what each rule did.

-- A project's rules fire by priority, highest first, ties by name. `body` is the whole rule as files have it, unknown keys kept.
CREATE TABLE routing_rules (
    project TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    priority INTEGER NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    body TEXT NOT NULL,  -- JSON
    PRIMARY KEY (project, id),
    UNIQUE (project, name)
) STRICT, WITHOUT ROWID;

ALTER TABLE projects ADD COLUMN archived_at INTEGER;  -- NULL: in use

-- A project's revision is its whole configuration, rules included. `restored` is the revision that an undo went back to.
ALTER TABLE revisions ADD COLUMN action TEXT NOT NULL DEFAULT '';
ALTER TABLE revisions ADD COLUMN changes TEXT NOT NULL DEFAULT '[]';  -- JSON array: what changed, in words
ALTER TABLE revisions ADD COLUMN restored INTEGER;

-- Every project has a revision to come back to.
INSERT INTO revisions (subject_kind, subject, body, created_at, action)
SELECT 'project', name, config, created_at, 'created' FROM projects
WHERE NOT EXISTS (SELECT 1 FROM revisions WHERE subject_kind = 'project' AND subject = projects.name);

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL  -- JSON
) STRICT, WITHOUT ROWID;

-- Texts of exchanges. Ids grow with time. `text` stands last, so that looking for what is old does not read it.
CREATE TABLE captures (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    exchange_id TEXT NOT NULL,
    project TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('message', 'request', 'answer')),
    cut INTEGER NOT NULL CHECK (cut IN (0, 1)),  -- whether more was said than is kept
    created_at INTEGER NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (exchange_id, kind)
) STRICT;

-- How often each rule chose, in buckets of 15 minutes, and what the prompt caches cost that it broke.
CREATE TABLE rule_hits (
    bucket INTEGER NOT NULL,  -- its start
    project TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    requested_model TEXT NOT NULL,
    routed_model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    broken_caches INTEGER NOT NULL,
    broken_cache_nanodollars INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (bucket, project, rule_id, requested_model, routed_model)
) STRICT, WITHOUT ROWID;
