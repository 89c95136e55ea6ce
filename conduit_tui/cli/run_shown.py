"""What `run --dry-run` prints: what would run and why, credentials masked."""

import os
import shlex

from conduit_tui.cli.output import print_json, print_pairs
from conduit_tui.cli.run_plan import Gateway, Plan

SHOWN_TOKEN = "(a token of this run alone)"


def print_plan(plan: Plan, gateway: Gateway, *, as_json: bool) -> None:
    """Show what would run, credentials masked."""
    from conduit_tui.launch.environment import marked

    through = None if plan.direct else gateway
    arguments, environment = plan.ready(through, SHOWN_TOKEN, gateway.url)
    command = [plan.command[0], *arguments]
    variables = _masked(marked(environment.variables, plan.project.name, plan.run_id))
    way = "directly" if plan.direct else f"through {gateway.url}"
    if as_json:
        print_json(
            {
                "project": plan.project.name,
                "project_reason": plan.why_project,
                "agent": plan.agent.name,
                "gateway": None if plan.direct else gateway.url,
                "direct_reason": plan.direct,
                "refused": plan.refusal,
                "model": plan.model,
                "model_reason": plan.why_model,
                "command": command,
                "env": variables,
                "left_out": environment.left,
            }
        )
        return
    why = plan.direct or ("" if gateway.serves else "it would be started")
    ours = {name: value for name, value in variables.items() if value != os.environ.get(name)}
    print_pairs(
        [
            ("project", f"{plan.project.name} ({plan.why_project})"),
            ("agent", plan.agent.name),
            ("way", f"{way} ({why})" if why else way),
            ("refused", plan.refusal),
            ("model", f"{plan.model} ({plan.why_model})" if plan.why_model else plan.model),
            ("note", plan.note),
            ("command", shlex.join(command)),
            *((f"  {name}", value) for name, value in sorted(ours.items())),
            ("handed on", f"{len(variables) - len(ours)} variables of this shell"),
            ("left out", ", ".join(environment.left)),
        ]
    )


def _masked(variables: dict[str, str]) -> dict[str, str]:
    from conduit_tui.observe.redact import is_credential_name, mask, redact_text

    return {
        name: mask(value) if is_credential_name(name) and value != SHOWN_TOKEN else redact_text(value)
        for name, value in variables.items()
    }
