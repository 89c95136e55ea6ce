"""Projects and rules as files of a repository: written to be reviewed, read to be applied."""

import tomllib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from conduit_tui.domain.projects import DEFAULT_PROJECT
from conduit_tui.domain.rules import Rule
from conduit_tui.transfer.columns import plain
from conduit_tui.transfer.errors import TransferError
from conduit_tui.transfer.escapes import json_escaped, toml_escaped
from conduit_tui.transfer.sections import Row
from conduit_tui.transfer.source import Source, read_config, read_name
from conduit_tui.transfer.stored import StoredProject, StoredProvider
from conduit_tui.transfer.strict_json import parse, text_of
from conduit_tui.transfer.unknown import Unknown

ParseWhen = Callable[[str], dict[str, Any]]
"""A condition tree from its line of text; raises ValueError."""
ToText = Callable[[Mapping[str, Any]], str]
"""The line of text of a condition tree."""

MOST_FILES = 1_000
SUFFIXES = (".json", ".toml")
_OF_RULE = ("created_at", "updated_at", "created_by")


class ProjectFiles(Source):
    """What files say of projects; keys that they do not name stay as they are, rules they name are all that remain."""

    version = "files"
    prefix = ""

    def __init__(self, files: Mapping[Path, bytes], project: str, parse_when: ParseWhen) -> None:
        self.project = project
        self.warnings = []
        self._parse_when = parse_when
        self._given: dict[str, dict[str, Any]] = {}
        for path, data in files.items():
            name, config = self._read(path, data, project or DEFAULT_PROJECT)
            if name in self._given:
                raise TransferError(f"another file is of project {name} too", path.name)
            self._given[name] = config

    def given(self) -> Mapping[str, dict[str, Any]]:
        """What is said of each project, in the shape of a configuration, incomplete."""
        return self._given

    def projects(self) -> list[StoredProject]:
        return [StoredProject(name, read_config(config, name), 0, 0) for name, config in self._given.items()]

    def providers(self) -> list[StoredProvider]:
        return []

    def rows(self, section: str) -> Iterator[Row]:
        return iter(())

    def unknown(self) -> Iterable[Unknown]:
        return ()

    def _read(self, path: Path, data: bytes, project: str) -> tuple[str, dict[str, Any]]:
        given = _parsed(path, data)
        if isinstance(given, list):
            given = {"routingRules": given}
        if not isinstance(given, dict):
            raise TransferError("is neither rules nor a project", path.name)
        config = dict(given)
        name = read_name(config.pop("project", project), f"{path.name}.project")
        config.pop("$schema", None)
        if "rules" in config and "routingRules" not in config:
            config["routingRules"] = config.pop("rules")
        rules = config.get("routingRules", [])
        if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
            raise TransferError("must be a list of rules", f"{path.name}.routingRules")
        if rules or "routingRules" in config:
            config["routingRules"] = [self._rule(rule, f"{path.name}.rules.{n}") for n, rule in enumerate(rules)]
        read_config(config, path.name)
        return name, config

    def _rule(self, given: dict[str, Any], place: str) -> dict[str, Any]:
        rule = dict(given)
        if "use" in rule:
            rule["targetModel"] = rule.pop("use")
        if "when" in rule:
            when = rule.pop("when")
            try:
                rule["conditions"] = self._parse_when(str(when))
            except ValueError as problem:
                raise TransferError(str(problem), f"{place}.when") from None
        return rule


def _parsed(path: Path, data: bytes) -> Any:
    if path.suffix != ".toml":
        return plain(parse(text_of(data)))
    try:
        return tomllib.loads(text_of(data))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TransferError(f"not TOML: {error}", path.name) from None


def completed(given: Mapping[str, Any], before: Mapping[str, Any], now: int) -> dict[str, Any]:
    """A whole configuration: what a file says, and for the rest what is now. Rules are known by id, else by name."""
    whole = {**before, **given}
    for key, value in given.items():
        if isinstance(value, dict) and isinstance(before.get(key), dict):
            whole[key] = completed(value, before[key], now)
    if "routingRules" in given:
        known = {rule.get("id"): rule for rule in before.get("routingRules", ())}
        ids = {rule.get("name"): rule.get("id") for rule in known.values()}
        whole["routingRules"] = [
            _stamped(rule, known.get(rule.get("id") or ids.get(rule.get("name"))), now)
            for rule in given["routingRules"]
        ]
    return whole


def _stamped(rule: Mapping[str, Any], before: Mapping[str, Any] | None, now: int) -> dict[str, Any]:
    fresh = Rule.model_validate(rule).model_dump(mode="json", by_alias=True)
    dates = {key: before[key] for key in _OF_RULE if before is not None and key in before}
    if before is None:
        return {**fresh, "id": fresh["id"] or uuid.uuid4().hex[:12], "created_at": fresh.get("created_at") or now}
    fresh = {**fresh, "id": before["id"], **dates}
    return fresh if fresh == before else {**fresh, "updated_at": now}


def of_folder(folder: Path) -> list[Path]:
    """The files of projects in a folder, by name. Raises TransferError where there is none."""
    found = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.name.startswith("."))
    if not found or len(found) > MOST_FILES:
        raise TransferError(f"{folder} holds {len(found) or 'no'} .json or .toml files of projects")
    return found


def reviewable(name: str, config: Mapping[str, Any], to_text: ToText, *, as_toml: bool) -> str:
    """A project as a file that reads well in a review: conditions as text, no dates, one rule after the other."""
    body = {key: value for key, value in config.items() if key != "routingRules" and value is not None}
    if as_toml:  # which has no word for none
        body["costLimits"] = {key: value for key, value in config.get("costLimits", {}).items() if value is not None}
    rules = [_reviewable_rule(rule, to_text) for rule in config.get("routingRules", ())]
    whole = {"project": name, **body, "rules": rules}
    if as_toml:
        import tomlkit

        return toml_escaped(tomlkit.dumps(_in_toml_order(whole)))
    import json

    return json_escaped(json.dumps(whole, indent=2, ensure_ascii=False)) + "\n"


def _reviewable_rule(rule: Mapping[str, Any], to_text: ToText) -> dict[str, Any]:
    body = {key: value for key, value in rule.items() if key not in (*_OF_RULE, "conditions", "targetModel")}
    first: dict[str, Any] = {key: body.pop(key) for key in ("id", "name") if key in body}
    kept = {key: value for key, value in body.items() if value not in ("", None)}
    return {**first, "when": to_text(rule.get("conditions", {})), "use": rule.get("targetModel", ""), **kept}


def _in_toml_order(whole: dict[str, Any]) -> dict[str, Any]:
    """Tables come after plain values in TOML."""
    plainly = {key: value for key, value in whole.items() if not isinstance(value, dict) and key != "rules"}
    tables = {key: value for key, value in whole.items() if isinstance(value, dict)}
    return {**plainly, **tables, "rules": whole["rules"]} if whole["rules"] else {**plainly, **tables, "rules": []}
