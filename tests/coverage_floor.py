"""`python -m tests.coverage_floor REPORT.json FLOOR` fails when a file of kinj is covered below FLOOR percent."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def below(report: dict[str, dict[str, dict[str, dict[str, float]]]], floor: float) -> list[str]:
    """One line for each file below the floor, worst first."""
    shares = sorted((file["summary"]["percent_covered"], name) for name, file in report["files"].items())
    return [f"{share:.0f} %  {name}" for share, name in shares if share < floor]


if __name__ == "__main__":
    found = below(json.loads(Path(sys.argv[1]).read_text()), float(sys.argv[2]))
    print(
        "\n".join([f"files covered below {sys.argv[2]} %:", *found])
        if found
        else f"every file is covered to {sys.argv[2]} % or more"
    )
    sys.exit(bool(found))
