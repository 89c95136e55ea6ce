"""Transcripts that the real `claude` (2.1.330) wrote, without the texts, and the ledger's rows of the same requests."""

import json
from pathlib import Path

from conduit_tui.domain.usage import UsageRow
from tests.store.store_rows import usage_row

FOLDER = Path(__file__).parent / "made_by_claude"
_LEDGER = json.loads((FOLDER / "ledger.json").read_text())
SESSIONS: dict[str, str] = _LEDGER["sessions"]
FIRST_AT: int = min(row["created_at"] for row in _LEDGER["rows"])


def ledger_rows() -> list[UsageRow]:
    """What the gateway wrote down, oldest first."""
    return [usage_row(**row) for row in _LEDGER["rows"]]
