"""What the fake provider knows: its scripts, and the requests that came."""

import base64
import dataclasses
import hashlib
import json
import re
from collections import Counter, deque
from typing import Any
from urllib.parse import parse_qs

import fake_answers
from fake_bending import Spec

MARKER = re.compile(rb"\[\[script:([\w.-]+)\]\]")
KEPT_REQUESTS = 20_000
STATE = ("open", "accepted", "active", "peak", "malformed")


@dataclasses.dataclass(slots=True)
class Record:
    """A request as it came, and what became of it. Times are seconds of the monotonic clock."""

    number: int
    connection: int
    method: str
    target: str
    head: bytes
    headers: list[tuple[str, str]]
    received_at: float
    body: bytes = b""
    script: str = ""
    body_at: float = 0.0
    first_byte_at: float = 0.0
    finished_at: float = 0.0
    client_left_at: float = 0.0
    outcome: str = "open"  # then "answered", "client-left" or "cut"
    status: int = 0
    wire_bytes: int = 0
    answer_bytes: int = 0
    answer_sha256: str = ""

    def header(self, name: str) -> str:
        """The first value of a header, empty if there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def public(self) -> dict[str, Any]:
        """The record as JSON, the body only by its length and digest."""
        facts = dataclasses.asdict(self)
        facts["head"] = base64.b64encode(self.head).decode()
        facts["body_bytes"] = len(self.body)
        facts["body_sha256"] = hashlib.sha256(self.body).hexdigest()
        del facts["body"]
        return facts


class Script:
    """A named list of answers."""

    def __init__(self, answers: list[Spec], select: str = "count") -> None:
        self.answers = answers
        self.select = select
        self.used = 0
        self.hurried = False

    def next(self, body: bytes) -> Spec:
        """The answer for a request with this body."""
        turn = _assistant_turns(body) if self.select == "turn" else self.used
        self.used += 1
        return self.answers[min(turn, len(self.answers) - 1)]


class Provider:
    """All that the connections share."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.records: deque[Record] = deque(maxlen=KEPT_REQUESTS)
        self.counts: Counter[str] = Counter()
        self.reset()

    def reset(self) -> None:
        """Forget scripts and requests; live connections go on."""
        self.scripts = {"default": Script([{}])}
        self.records.clear()
        self.counts["peak"] = self.counts["active"]

    def began(self, record: Record) -> None:
        """Keep a request and count it as under way."""
        self.records.append(record)
        self.counts["active"] += 1
        self.counts["peak"] = max(self.counts["peak"], self.counts["active"])

    def answers_early(self, record: Record) -> bool:
        """Whether the script of this request wants no body."""
        script = self.scripts.get(record.header("x-fake-script") or "default")
        return script is not None and any(spec.get("early") for spec in script.answers)

    def script_for(self, record: Record) -> Spec:
        """The answer that the request's script has for it."""
        marker = MARKER.search(record.body)
        record.script = record.header("x-fake-script") or (marker[1].decode() if marker else "default")
        script = self.scripts.get(record.script)
        if script is None:
            return {"status": 400, "message": f"The fake provider has no script {record.script!r}"}
        return script.next(record.body)

    def hurries(self, record: Record) -> bool:
        """Whether the rest of this answer is to come without its gaps."""
        script = self.scripts.get(record.script)
        return script is not None and script.hurried

    def control(self, record: Record) -> tuple[int, bytes]:
        """Answer a control request."""
        path, _, query = record.target.partition("?")
        if path == "/_script":
            wanted = json.loads(record.body)
            unknown = {key for spec in wanted["answers"] for key in spec} - fake_answers.KEYS
            if unknown or not wanted["answers"]:
                return 400, json.dumps({"error": f"unknown keys {sorted(unknown)}, or no answer"}).encode()
            self.scripts[wanted["name"]] = Script(wanted["answers"], wanted.get("select", "count"))
        elif path == "/_hurry":
            self.scripts[json.loads(record.body)["name"]].hurried = True
        elif path == "/_reset":
            self.reset()
        elif path == "/_state":
            return 200, json.dumps({key: self.counts[key] for key in STATE}).encode()
        elif path == "/_requests":
            script = parse_qs(query).get("script")
            found = [kept.public() for kept in self.records if not script or kept.script == script[0]]
            return 200, json.dumps(found).encode()
        elif path.startswith("/_body/"):
            number = int(path.removeprefix("/_body/"))
            bodies = [kept.body for kept in self.records if kept.number == number]
            return (200, bodies[0]) if bodies else (404, b"")
        else:
            return 404, b"{}"
        return 200, b"{}"


def _assistant_turns(body: bytes) -> int:
    try:
        request = json.loads(body)
    except ValueError:
        return 0
    turns = sum(message.get("role") == "assistant" for message in request.get("messages", ()))
    items = request.get("input", ())
    return turns + sum(isinstance(item, dict) and item.get("type") == "function_call_output" for item in items)
