"""What a pipe has kept in a database file of its own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def kept_rows(file: Path) -> list[tuple[Any, ...]]:
    """All rows, by their ids."""
    with closing(sqlite3.connect(file)) as database:
        names = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name.startswith("response_items_")
        ]
        return [
            row for name in names for row in database.execute(f"SELECT * FROM {name} ORDER BY id")
        ]


def kept_kinds(file: Path) -> list[str]:
    """What kind of thing each row holds."""
    return [row[4] for row in kept_rows(file)]
