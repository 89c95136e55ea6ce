"""The decision: which model serves a request, and why."""

from conduit_tui.domain.decisions import Decision, DecisionSource


def decide(requested_model: str) -> Decision:
    """The model for a request. Without rules it is the one that the client asked for."""
    return Decision(requested_model, DecisionSource.CLIENT, "as requested")
