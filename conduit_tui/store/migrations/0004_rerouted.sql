-- Sums of the usage whose model is another than its client asked for, in buckets of 15 minutes: what it would have cost
-- there is calculated from these tokens, without a scan of the rows.
CREATE TABLE usage_rerouted (
    bucket INTEGER NOT NULL,  -- its start
    project TEXT NOT NULL,
    requested_model TEXT NOT NULL,
    routed_model TEXT NOT NULL,
    provider TEXT NOT NULL,
    requests INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_nanodollars INTEGER NOT NULL,
    PRIMARY KEY (bucket, project, requested_model, routed_model, provider)
) STRICT, WITHOUT ROWID;

INSERT INTO usage_rerouted
SELECT created_at - created_at % 900000, project, requested_model, routed_model, provider, count(*), sum(input_tokens),
    sum(output_tokens), sum(cache_read_tokens), sum(cache_write_5m_tokens), sum(cache_write_1h_tokens),
    sum(reasoning_tokens), sum(cost_nanodollars)
FROM usage WHERE routed_model <> requested_model AND input_tokens > 0
GROUP BY 1, 2, 3, 4, 5;
