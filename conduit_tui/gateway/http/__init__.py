"""HTTP/1.1 on asyncio protocols: server, client, pool, limits. Knows nothing of what the gateway means."""
