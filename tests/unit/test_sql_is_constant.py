"""X11: no SQL is put together from values: only constants, and clauses built from constants, may be interpolated."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import conduit_tui

ROOT = Path(conduit_tui.__file__).parent
EXECUTE = {"execute", "executemany", "executescript"}

# What is interpolated beyond constants: names and clauses that are made of constants in the same file.
BUILT_FROM_CONSTANTS = {
    "store/budget_windows.py": {"places", "column", "wanted", "rows"},
    "store/ledger_entries.py": {"places", "wanted"},
    "store/migrate.py": {"migration.number"},
    "store/rename.py": {"table"},
    "store/rerouted.py": {"source"},
    "store/rollups.py": {"table", "source", "sums"},
    "store/session_list.py": {"columns"},
    "store/opening.py": {"'FULL' if durability == 'power-loss' else 'NORMAL'"},
    "store/usage.py": {"where.sql"},
    "store/writer.py": {"wait_ms"},
    "transfer/backups.py": {"table"},
    "transfer/database_file.py": {"pragma"},
    "transfer/version_2.py": {"newest", "section.select"},
}


def queries() -> Iterator[tuple[str, ast.expr]]:
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in EXECUTE:
                for argument in node.args[:1]:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", argument


def interpolated(query: ast.expr) -> Iterator[str]:
    """What is put into a text of SQL at run time, constants (NAMES IN CAPITALS) left out."""
    for node in ast.walk(query):
        parts: list[ast.expr] = []
        if isinstance(node, ast.FormattedValue):
            parts = [node.value]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            parts = [
                side
                for side in (node.left, node.right)
                if not isinstance(side, ast.Constant | ast.JoinedStr | ast.BinOp)
            ]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            parts = [*node.args, *(keyword.value for keyword in node.keywords)]
        for part in parts:
            text = ast.unparse(part)
            if not re.fullmatch(r"(', '\.join\()?(_?[A-Z][A-Z_]*)\)?", text):
                yield text


def test_nothing_but_constants_is_put_into_sql() -> None:
    found = {
        f"{place}: {text}"
        for place, query in queries()
        for text in interpolated(query)
        if text not in BUILT_FROM_CONSTANTS.get(place.partition(":")[0], set())
    }
    assert found == set()


def test_the_check_sees_what_is_put_together() -> None:
    def seen(source: str) -> list[str]:
        call = ast.parse(source).body[0]
        assert isinstance(call, ast.Expr)
        assert isinstance(call.value, ast.Call)
        return list(interpolated(call.value.args[0]))

    assert seen("c.execute(f'SELECT {_COLUMNS} FROM usage')") == []
    assert seen("c.execute(f\"SELECT * FROM usage WHERE session = '{session}'\")") == ["session"]
    assert seen("c.execute('SELECT * FROM usage WHERE id = ' + number)") == ["number"]
    assert seen("c.execute('SELECT %s' % number)") == ["number"]
    assert seen("c.execute('SELECT {}'.format(number))") == ["number"]
