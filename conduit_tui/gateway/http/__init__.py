"""HTTP/1.1 on asyncio protocols, both sides; knows nothing of what is relayed."""
