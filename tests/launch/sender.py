"""Stands in for an agent: tells what it was given, and sends as many requests as it is asked to.

sender [--send N] [--metadata] [--result] [--bare] [--exit CODE] ...
"""

import json
import os
import sys
import urllib.error
import urllib.request

arguments = sys.argv[1:]


def option(name: str, default: str = "") -> str:
    return arguments[arguments.index(name) + 1] if name in arguments else default


def send(model: str) -> dict[str, object]:
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    ours = "" if "--bare" in arguments else os.environ.get("ANTHROPIC_CUSTOM_HEADERS", "")
    for line in ours.splitlines():
        name, _, value = line.partition(":")
        headers[name.strip()] = value.strip()
    if "ANTHROPIC_AUTH_TOKEN" in os.environ:
        headers["authorization"] = f"Bearer {os.environ['ANTHROPIC_AUTH_TOKEN']}"
    elif "ANTHROPIC_API_KEY" in os.environ:
        headers["x-api-key"] = os.environ["ANTHROPIC_API_KEY"]
    prompt = option("--prompt", "hi")
    body = {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": prompt}]}
    url = f"{os.environ['ANTHROPIC_BASE_URL']}/v1/messages"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            return {"status": answer.status, "id": answer.headers.get("request-id"), **json.load(answer)}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "error": json.load(error)}


model = option("--model", "claude-sonnet-5-5")
answers = [send(model) for _ in range(int(option("--send", "0")))]
session = "11111111-2222-4333-8444-555555555555"
for answer in answers:
    usage = answer.get("usage")
    if "--metadata" in arguments:
        counts = {"inputTokens": usage["input_tokens"], "outputTokens": usage["output_tokens"], "cost": 0.5}
        decision = {"model": answer["model"], "source": "rule", "tokenCount": 9}
        print(json.dumps({"type": "conduit_metadata", "data": {"routingDecision": decision, "usage": counts}}))
    if "--messages" in arguments:
        message = {key: answer[key] for key in ("id", "model", "usage")}
        print(json.dumps({"type": "assistant", "message": message, "session_id": session, "request_id": answer["id"]}))
if "--result" in arguments:
    used = {"inputTokens": 1200, "outputTokens": 300, "cacheReadInputTokens": 1000, "costUSD": 9.99}
    print(json.dumps({"session_id": session, "type": "result", "modelUsage": {model: used}, "total_cost_usd": 9.99}))
print(json.dumps({"arguments": arguments, "env": dict(os.environ), "answers": answers}), flush=True)
sys.exit(int(option("--exit", "0")))
