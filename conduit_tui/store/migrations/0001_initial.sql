-- The first schema. Money is in nano-dollars, instants are milliseconds since the epoch (UTC), durations carry their unit
-- in the name. No foreign keys: usage outlives the projects, providers and rules that it names.

PRAGMA application_id = 1129202772;  -- 'CNDT'

CREATE TABLE projects (
    name TEXT PRIMARY KEY,
    config TEXT NOT NULL,  -- JSON, the shape that files use
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE providers (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL,  -- JSON; holds a reference to the key, never the key
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a project or a provider was after each change; the body of something removed is `null`.
CREATE TABLE revisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subject_kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX revisions_by_subject ON revisions (subject_kind, subject);

CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

CREATE TABLE process_events (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    state TEXT,
    reason TEXT NOT NULL,
    pid INTEGER,
    generation INTEGER
) STRICT;

CREATE TABLE agents (
    project TEXT NOT NULL,
    agent TEXT NOT NULL,
    agent_type TEXT NOT NULL,
    client TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (project, agent)
) STRICT, WITHOUT ROWID;

-- Running totals of a session and agent, and between which ids its usage rows lie. `agent_type` and `model` are those of its newest attempt.
CREATE TABLE sessions (
    project TEXT NOT NULL,
    session TEXT NOT NULL,
    agent TEXT NOT NULL,
    agent_type TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cost_nanodollars INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    first_usage_id INTEGER NOT NULL,
    last_usage_id INTEGER NOT NULL,
    PRIMARY KEY (session, project, agent)
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_last_at ON sessions (last_at);

-- One row per attempt. The rows of a session or of a time are found by id: `sessions` and `usage_rollup` keep the range.
-- (An index on session and time made recording half as dear again.)
CREATE TABLE usage (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    exchange_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    project TEXT NOT NULL,
    agent TEXT NOT NULL,
    agent_type TEXT NOT NULL,
    session TEXT NOT NULL,
    request_class TEXT NOT NULL,
    client TEXT NOT NULL,
    dialect TEXT NOT NULL,
    requested_model TEXT NOT NULL,
    routed_model TEXT NOT NULL,
    provider TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,  -- the whole prompt, cache reads and writes included
    output_tokens INTEGER NOT NULL,  -- everything generated, reasoning included
    total_tokens INTEGER GENERATED ALWAYS AS (input_tokens + output_tokens) VIRTUAL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_nanodollars INTEGER NOT NULL,
    cost_currency TEXT NOT NULL,
    price_source TEXT NOT NULL,
    routing_source TEXT NOT NULL,
    routing_reason TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    error_type TEXT NOT NULL,
    latency_ms INTEGER NOT NULL,
    first_byte_ms INTEGER NOT NULL,
    overhead_us INTEGER NOT NULL,
    flags TEXT NOT NULL,
    metadata TEXT NOT NULL,  -- a JSON object
    created_at INTEGER NOT NULL,
    UNIQUE (exchange_id, attempt)
) STRICT;

-- Sums of usage rows in buckets of 15 minutes, and between which ids they lie; `model` is the routed one. The histograms count attempts by duration:
-- slot 00 below 16 ms, slot NN from 16 * 2^((NN-1)/2) ms up to the next bound, slot 31 from 524,288 ms (8.7 minutes) up.
-- An attempt without a first byte is in no first-byte slot.
CREATE TABLE usage_rollup (
    bucket INTEGER NOT NULL,  -- its start
    project TEXT NOT NULL,
    model TEXT NOT NULL,
    agent_type TEXT NOT NULL,
    provider TEXT NOT NULL,
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_nanodollars INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL,  -- the sum
    first_usage_id INTEGER NOT NULL,
    last_usage_id INTEGER NOT NULL,
    latency_00 INTEGER NOT NULL, latency_01 INTEGER NOT NULL, latency_02 INTEGER NOT NULL, latency_03 INTEGER NOT NULL,
    latency_04 INTEGER NOT NULL, latency_05 INTEGER NOT NULL, latency_06 INTEGER NOT NULL, latency_07 INTEGER NOT NULL,
    latency_08 INTEGER NOT NULL, latency_09 INTEGER NOT NULL, latency_10 INTEGER NOT NULL, latency_11 INTEGER NOT NULL,
    latency_12 INTEGER NOT NULL, latency_13 INTEGER NOT NULL, latency_14 INTEGER NOT NULL, latency_15 INTEGER NOT NULL,
    latency_16 INTEGER NOT NULL, latency_17 INTEGER NOT NULL, latency_18 INTEGER NOT NULL, latency_19 INTEGER NOT NULL,
    latency_20 INTEGER NOT NULL, latency_21 INTEGER NOT NULL, latency_22 INTEGER NOT NULL, latency_23 INTEGER NOT NULL,
    latency_24 INTEGER NOT NULL, latency_25 INTEGER NOT NULL, latency_26 INTEGER NOT NULL, latency_27 INTEGER NOT NULL,
    latency_28 INTEGER NOT NULL, latency_29 INTEGER NOT NULL, latency_30 INTEGER NOT NULL, latency_31 INTEGER NOT NULL,
    first_byte_00 INTEGER NOT NULL, first_byte_01 INTEGER NOT NULL, first_byte_02 INTEGER NOT NULL, first_byte_03 INTEGER NOT NULL,
    first_byte_04 INTEGER NOT NULL, first_byte_05 INTEGER NOT NULL, first_byte_06 INTEGER NOT NULL, first_byte_07 INTEGER NOT NULL,
    first_byte_08 INTEGER NOT NULL, first_byte_09 INTEGER NOT NULL, first_byte_10 INTEGER NOT NULL, first_byte_11 INTEGER NOT NULL,
    first_byte_12 INTEGER NOT NULL, first_byte_13 INTEGER NOT NULL, first_byte_14 INTEGER NOT NULL, first_byte_15 INTEGER NOT NULL,
    first_byte_16 INTEGER NOT NULL, first_byte_17 INTEGER NOT NULL, first_byte_18 INTEGER NOT NULL, first_byte_19 INTEGER NOT NULL,
    first_byte_20 INTEGER NOT NULL, first_byte_21 INTEGER NOT NULL, first_byte_22 INTEGER NOT NULL, first_byte_23 INTEGER NOT NULL,
    first_byte_24 INTEGER NOT NULL, first_byte_25 INTEGER NOT NULL, first_byte_26 INTEGER NOT NULL, first_byte_27 INTEGER NOT NULL,
    first_byte_28 INTEGER NOT NULL, first_byte_29 INTEGER NOT NULL, first_byte_30 INTEGER NOT NULL, first_byte_31 INTEGER NOT NULL,
    PRIMARY KEY (bucket, project, model, agent_type, provider)
) STRICT, WITHOUT ROWID;

-- The ledger. A window is one day or month of one budget; its start and end are fixed when it is created. Its `spent`
-- and `held` equal the sums over its entries at every commit, and are all that admission reads.
CREATE TABLE budget_windows (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scope_kind TEXT NOT NULL CHECK (scope_kind IN ('overall', 'project', 'model', 'agent-type')),
    scope TEXT NOT NULL,  -- the project, model or agent type; empty for the overall budget
    period TEXT NOT NULL CHECK (period IN ('day', 'month')),
    zone TEXT NOT NULL,  -- IANA name
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    cap_nanodollars INTEGER CHECK (cap_nanodollars >= 0),  -- NULL: no limit
    spent_nanodollars INTEGER NOT NULL DEFAULT 0 CHECK (spent_nanodollars >= 0),
    held_nanodollars INTEGER NOT NULL DEFAULT 0 CHECK (held_nanodollars >= 0),
    created_at INTEGER NOT NULL,
    CHECK (starts_at <= ends_at),
    UNIQUE (scope_kind, scope, period, starts_at)
) STRICT;

CREATE TABLE ledger_entries (
    exchange_id TEXT NOT NULL,
    attempt INTEGER NOT NULL CHECK (attempt >= 0),
    generation INTEGER NOT NULL,  -- of the gateway that holds it
    state TEXT NOT NULL CHECK (state IN ('held', 'settled', 'void', 'expired')),
    hold_nanodollars INTEGER NOT NULL CHECK (hold_nanodollars >= 0),
    cost_nanodollars INTEGER CHECK (cost_nanodollars >= 0),  -- NULL while held
    windows TEXT NOT NULL,  -- JSON array of budget_windows.id
    flags TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    PRIMARY KEY (exchange_id, attempt),
    CHECK ((state = 'held') = (cost_nanodollars IS NULL)),
    CHECK ((state = 'held') = (ended_at IS NULL)),
    CHECK (state <> 'void' OR cost_nanodollars = 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX ledger_entries_held ON ledger_entries (generation) WHERE state = 'held';

-- Enabled, every request as the client made it, no limits: useful before anything is configured.
INSERT INTO projects (name, config, created_at, updated_at)
SELECT
    'default',
    '{"enabled":true,"defaultModel":"as-requested","routingRules":[],"costLimits":{"daily":null,"monthly":null},'
    || '"features":{"autoRouting":true,"costTracking":true,"usageAnalytics":true}}',
    instant, instant
FROM (SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000 AS instant);
