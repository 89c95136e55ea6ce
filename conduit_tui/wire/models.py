"""Answers to `GET /v1/models`."""

from collections.abc import Sequence
from typing import Any

import msgspec

UNKNOWN_DATE = "1970-01-01T00:00:00Z"  # what Anthropic sends for a model whose release date is not known


def models_body(models: Sequence[str], *, anthropic: bool) -> bytes:
    """The list of these models in Anthropic's shape or in OpenAI's, on one page."""
    body: dict[str, Any]
    if anthropic:
        body = {
            "data": [
                {
                    "type": "model",
                    "id": model,
                    "display_name": model,
                    "created_at": UNKNOWN_DATE,
                    "lifecycle": "active",
                }
                for model in models
            ],
            "has_more": False,
            "first_id": models[0] if models else None,
            "last_id": models[-1] if models else None,
        }
    else:
        body = {
            "object": "list",
            "data": [{"id": model, "object": "model", "created": 0, "owned_by": "conduit-tui"} for model in models],
        }
    return msgspec.json.encode(body)
