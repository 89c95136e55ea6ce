"""Exports and imports are traced where a collector is configured."""

import os
import subprocess
import sys
from pathlib import Path

from tests.collectors import collecting


def test_an_export_and_an_import_are_spans(tmp_path: Path) -> None:
    with collecting() as collector:
        environment = {**os.environ, "CONDUIT_OTLP_ENDPOINT": f"http://{collector.address}"}

        def conduit(*words: str, state: str) -> None:
            subprocess.run(
                [sys.executable, "-m", "conduit_tui", "--state-dir", str(tmp_path / state), *words],
                check=True, capture_output=True, timeout=100, env=environment,
            )  # fmt: skip

        conduit("projects", "add", "docs", state="a")
        conduit("export", str(tmp_path / "all.json"), state="a")
        conduit("projects", "add", "other", state="b")
        conduit("import", str(tmp_path / "all.json"), "--yes", state="b")
        spans = collector.spans()
    assert spans.keys() == {"migration.export", "migration.import"}
    assert "conduit.version" in str(spans["migration.export"]["text"])
