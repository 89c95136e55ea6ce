-- The sums of usage_rollup by whole days of UTC, kept in the same transaction: a month of charts reads thirty rows where
-- it read three thousand. Columns mean what they mean there.
CREATE TABLE usage_daily (
    bucket INTEGER NOT NULL,  -- the start of its day
    project TEXT NOT NULL,
    model TEXT NOT NULL,
    agent_type TEXT NOT NULL,
    provider TEXT NOT NULL,
    requests INTEGER NOT NULL, errors INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL, cost_nanodollars INTEGER NOT NULL,
    latency_ms INTEGER NOT NULL, first_usage_id INTEGER NOT NULL, last_usage_id INTEGER NOT NULL,
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

INSERT INTO usage_daily
SELECT
    bucket - bucket % 86400000 AS day, project, model, agent_type, provider,
    sum(requests), sum(errors), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens),
    sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(reasoning_tokens), sum(cost_nanodollars),
    sum(latency_ms), min(first_usage_id), max(last_usage_id), sum(latency_00), sum(latency_01), sum(latency_02),
    sum(latency_03), sum(latency_04), sum(latency_05), sum(latency_06), sum(latency_07), sum(latency_08),
    sum(latency_09), sum(latency_10), sum(latency_11), sum(latency_12), sum(latency_13), sum(latency_14),
    sum(latency_15), sum(latency_16), sum(latency_17), sum(latency_18), sum(latency_19), sum(latency_20),
    sum(latency_21), sum(latency_22), sum(latency_23), sum(latency_24), sum(latency_25), sum(latency_26),
    sum(latency_27), sum(latency_28), sum(latency_29), sum(latency_30), sum(latency_31), sum(first_byte_00),
    sum(first_byte_01), sum(first_byte_02), sum(first_byte_03), sum(first_byte_04), sum(first_byte_05),
    sum(first_byte_06), sum(first_byte_07), sum(first_byte_08), sum(first_byte_09), sum(first_byte_10),
    sum(first_byte_11), sum(first_byte_12), sum(first_byte_13), sum(first_byte_14), sum(first_byte_15),
    sum(first_byte_16), sum(first_byte_17), sum(first_byte_18), sum(first_byte_19), sum(first_byte_20),
    sum(first_byte_21), sum(first_byte_22), sum(first_byte_23), sum(first_byte_24), sum(first_byte_25),
    sum(first_byte_26), sum(first_byte_27), sum(first_byte_28), sum(first_byte_29), sum(first_byte_30),
    sum(first_byte_31)
FROM usage_rollup GROUP BY 1, 2, 3, 4, 5;

-- What was charged at a rate that nobody publishes, to be found without a scan.
CREATE INDEX usage_priced_by_guess ON usage (created_at, routed_model, project, flags) WHERE flags LIKE '%priced%';
