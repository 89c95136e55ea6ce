-- Sessions: one row each for the list of them, what each agent and model had of it, and those that are stopped.

ALTER TABLE sessions RENAME TO sessions_before;

-- Running totals of a session, and between which ids its usage rows lie. `prompts` counts the turns of its user; `prompt_id`
-- and `stop` are those of the main agent's newest request, by which the next turn is told from one that brings a tool's result.
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    session TEXT NOT NULL,
    client TEXT NOT NULL,
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    prompts INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cost_nanodollars INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    first_usage_id INTEGER NOT NULL,
    last_usage_id INTEGER NOT NULL,
    prompt_id TEXT NOT NULL,
    stop TEXT NOT NULL,
    UNIQUE (session, project)
) STRICT;

-- The newest activity first, to the minute: sessions that work at the same time do not change places all the time.
CREATE INDEX sessions_by_activity ON sessions (last_at / 60000 DESC, id DESC) WHERE session <> '';

-- Running totals of a session by agent and routed model; `stop` is why its newest answer ended.
CREATE TABLE session_agents (
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
    stop TEXT NOT NULL,
    PRIMARY KEY (session, project, agent, model)
) STRICT, WITHOUT ROWID;

-- Until now the model was that of the newest attempt alone, and turns were not told apart.
INSERT INTO session_agents
SELECT project, session, agent, agent_type, model, requests, input_tokens, output_tokens, cache_read_tokens,
    cost_nanodollars, first_at, last_at, ''
FROM sessions_before;

INSERT INTO sessions (
    project, session, client, requests, errors, prompts, input_tokens, output_tokens, cache_read_tokens,
    cost_nanodollars, first_at, last_at, first_usage_id, last_usage_id, prompt_id, stop
)
SELECT project, session, coalesce((SELECT client FROM usage WHERE id = newest), ''), requests, 0, 0, input_tokens,
    output_tokens, cache_read_tokens, cost_nanodollars, first_at, last_at, oldest, newest, '', ''
FROM (
    SELECT project, session, sum(requests) AS requests, sum(input_tokens) AS input_tokens,
        sum(output_tokens) AS output_tokens, sum(cache_read_tokens) AS cache_read_tokens,
        sum(cost_nanodollars) AS cost_nanodollars, min(first_at) AS first_at, max(last_at) AS last_at,
        min(first_usage_id) AS oldest, max(last_usage_id) AS newest
    FROM sessions_before GROUP BY project, session
)
ORDER BY oldest;

DROP TABLE sessions_before;

-- Sessions whose further requests are refused. A session may be stopped before its first request is written down.
CREATE TABLE session_stops (
    project TEXT NOT NULL,
    session TEXT NOT NULL,
    reason TEXT NOT NULL,
    stopped_at INTEGER NOT NULL,
    PRIMARY KEY (project, session)
) STRICT, WITHOUT ROWID;
