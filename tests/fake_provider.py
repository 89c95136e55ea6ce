"""A fake LLM provider in a process of its own, in control of every byte it sends.

    python tests/fake_provider.py --port 0        prints {"port": N} and serves until its standard input ends

It speaks Anthropic's Messages and OpenAI's chat completions and responses, lifelike by default and as badly as its
scripts say (see fake_answers.py). A request is answered by the script that its header `x-fake-script` or the words
`[[script:NAME]]` in its body name, else by the script `default`. A script is a list of answers, used one after the
other, the last one again and again; or, with `"select": "turn"`, by the number of assistant turns in the conversation.

    POST /_script      {"name", "answers": [...], "select": "count" | "turn"}
    POST /_hurry       {"name"}: what is under way by this script comes without gaps and stall from now on, and ends
    GET  /_requests    what came, in order, without the bodies; ?script=NAME
    GET  /_body/N      the body of request N
    GET  /_state       {"open", "accepted", "active", "peak", "malformed"}: connections, requests, and what was no HTTP
    POST /_reset       forget scripts and requests
"""

import argparse
import asyncio
import json
import ssl
import sys

from fake_connection import Connection
from fake_records import Provider


async def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    options = parser.parse_args()
    tls = None
    if options.cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.cert, options.key)
    provider = Provider()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(provider), "127.0.0.1", options.port, ssl=tls, backlog=1024)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main())
