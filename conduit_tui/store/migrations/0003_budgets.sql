-- Budgets, the ledger that keeps them, and prices of the user's own. The ledger's tables were empty until now.

-- Caps are NULL for no limit, 0 blocks everything. Without a project it is the overall budget; empty fields narrow nothing.
-- A budget is never deleted: its windows must stay countable, so taking it away takes its caps.
CREATE TABLE budgets (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    model TEXT NOT NULL,  -- a name, or a pattern with * and ?
    agent_type TEXT NOT NULL,
    daily_nanodollars INTEGER CHECK (daily_nanodollars >= 0),
    monthly_nanodollars INTEGER CHECK (monthly_nanodollars >= 0),
    mode TEXT NOT NULL CHECK (mode IN ('strict', 'balanced')),
    zone TEXT NOT NULL,  -- IANA name
    unpriced TEXT NOT NULL CHECK (unpriced IN ('charge', 'block')),
    raised_daily_nanodollars INTEGER CHECK (raised_daily_nanodollars >= 0),
    raised_monthly_nanodollars INTEGER CHECK (raised_monthly_nanodollars >= 0),
    raised_until INTEGER,
    updated_at INTEGER NOT NULL,
    UNIQUE (project, model, agent_type)
) STRICT;

INSERT INTO budgets (
    project, model, agent_type, daily_nanodollars, monthly_nanodollars, mode, zone, unpriced, updated_at
)
SELECT name, '', '', CAST(round(daily * 1e9) AS INTEGER), CAST(round(monthly * 1e9) AS INTEGER), 'balanced', 'UTC', 'charge', updated_at
FROM (
    SELECT name, updated_at, json_extract(config, '$.costLimits.daily') AS daily,
        json_extract(config, '$.costLimits.monthly') AS monthly
    FROM projects
)
WHERE coalesce(daily, monthly) IS NOT NULL AND coalesce(daily, 0) BETWEEN 0 AND 1e7 AND coalesce(monthly, 0) BETWEEN 0 AND 1e7;

UPDATE projects SET config = json_set(config, '$.costLimits', json('{"daily":null,"monthly":null}'))
WHERE name IN (SELECT project FROM budgets);

-- A window is one day or month of one budget; its start and end are fixed when it is created, and it stays open until its
-- successor is. Its `spent` and `held` equal the sums over its entries at every commit, and are all that admission reads.
-- `behind`: what was spent while its budget had no cap has yet to be entered.
DROP TABLE budget_windows;
CREATE TABLE budget_windows (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    budget_id INTEGER NOT NULL,
    period TEXT NOT NULL CHECK (period IN ('day', 'month')),
    zone TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    cap_nanodollars INTEGER CHECK (cap_nanodollars >= 0),  -- NULL: no limit
    raised_nanodollars INTEGER CHECK (raised_nanodollars >= 0),
    raised_until INTEGER NOT NULL DEFAULT 0,
    spent_nanodollars INTEGER NOT NULL DEFAULT 0 CHECK (spent_nanodollars >= 0),
    held_nanodollars INTEGER NOT NULL DEFAULT 0 CHECK (held_nanodollars >= 0),
    behind INTEGER NOT NULL DEFAULT 0 CHECK (behind IN (0, 1)),
    created_at INTEGER NOT NULL,
    closed_at INTEGER,
    CHECK (starts_at < ends_at),
    UNIQUE (budget_id, period, starts_at)
) STRICT;

CREATE UNIQUE INDEX budget_windows_open ON budget_windows (budget_id, period) WHERE closed_at IS NULL;

DROP TABLE ledger_entries;
CREATE TABLE ledger_entries (
    exchange_id TEXT NOT NULL,
    attempt INTEGER NOT NULL CHECK (attempt >= 0),
    generation INTEGER NOT NULL,  -- of the gateway that holds it
    state TEXT NOT NULL CHECK (state IN ('held', 'settled', 'void', 'expired')),
    hold_nanodollars INTEGER NOT NULL CHECK (hold_nanodollars >= 0),
    cost_nanodollars INTEGER CHECK (cost_nanodollars >= 0),  -- NULL while held
    windows TEXT NOT NULL,  -- JSON array of budget_windows.id
    closes_at INTEGER NOT NULL,  -- when the last of them ends
    flags TEXT NOT NULL DEFAULT '',
    usage TEXT NOT NULL DEFAULT '',  -- JSON: the usage row as far as it is known, until it is written
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    PRIMARY KEY (exchange_id, attempt),
    CHECK ((state = 'held') = (cost_nanodollars IS NULL)),
    CHECK ((state = 'held') = (ended_at IS NULL)),
    CHECK (state <> 'void' OR cost_nanodollars = 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX ledger_entries_unwritten ON ledger_entries (generation) WHERE usage <> '';
CREATE INDEX ledger_entries_flagged ON ledger_entries (created_at) WHERE flags <> '';

-- Rates in nano-dollars per million tokens. Without a provider it counts for every one; the model may be a pattern, and
-- `unknown` is the rate of models whose price nobody knows.
CREATE TABLE price_overrides (
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    free INTEGER NOT NULL CHECK (free IN (0, 1)),
    input INTEGER NOT NULL CHECK (input >= 0),
    output INTEGER NOT NULL CHECK (output >= 0),
    cache_read INTEGER CHECK (cache_read >= 0),  -- NULL: as input
    cache_write_5m INTEGER CHECK (cache_write_5m >= 0),
    cache_write_1h INTEGER CHECK (cache_write_1h >= 0),
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (provider, model),
    CHECK (free = 1 OR input > 0 AND output > 0)
) STRICT, WITHOUT ROWID;
