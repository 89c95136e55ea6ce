-- A day is summed in usage_daily when it is over, and no more with every row. All days up to the newest one that is there
-- are summed; later ones are read from usage_rollup.
DELETE FROM usage_daily WHERE bucket >= CAST(strftime('%s', 'now') AS INTEGER) / 86400 * 86400000;
