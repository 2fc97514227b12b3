"""The tables of the catalogue, version by version.

In: nothing. Out: the SQL of each version, and what a catalogue of the newest one looks like. A step is never changed
after a release; the next version is a step more. Not here: opening a file (see catalogue_file.py).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import Final

APPLICATION_ID: Final = 0x52494743
"""Number in the head of the file that says whose it is (`RIGC`), as `PRAGMA application_id` writes it."""
STEPS: tuple[str, ...] = (
    """
    CREATE TABLE subject (
        subject_key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        created_utc TEXT NOT NULL,
        consent TEXT NOT NULL,
        keep_until TEXT,
        note TEXT NOT NULL,
        takes_given INTEGER NOT NULL,
        is_erasing INTEGER NOT NULL
    );
    CREATE TABLE take (
        take_key INTEGER PRIMARY KEY,
        subject_key INTEGER NOT NULL REFERENCES subject,
        number INTEGER NOT NULL,
        began_utc TEXT NOT NULL,
        ended_utc TEXT,
        keep_until TEXT,
        note TEXT NOT NULL,
        writer TEXT NOT NULL,
        state TEXT,
        reason TEXT NOT NULL,
        planned INTEGER,
        frame_sets INTEGER,
        complete INTEGER,
        gaps INTEGER,
        worst_skew_us REAL,
        is_erasing INTEGER NOT NULL,
        UNIQUE (subject_key, number)
    );
    CREATE TABLE place (
        place_key INTEGER PRIMARY KEY,
        take_key INTEGER NOT NULL REFERENCES take,
        path BLOB NOT NULL UNIQUE,
        is_folder INTEGER NOT NULL
    );
    CREATE INDEX place_of_take ON place (take_key);
    CREATE TABLE erasure (
        number INTEGER PRIMARY KEY,
        day TEXT NOT NULL,
        is_finished INTEGER NOT NULL
    );
    """,
    # What compares two takes belongs to both.
    """
    ALTER TABLE place RENAME TO place_of_one_take;
    CREATE TABLE place (
        place_key INTEGER PRIMARY KEY,
        take_key INTEGER NOT NULL REFERENCES take,
        path BLOB NOT NULL,
        is_folder INTEGER NOT NULL,
        UNIQUE (take_key, path)
    );
    INSERT INTO place SELECT place_key, take_key, path, is_folder FROM place_of_one_take;
    DROP TABLE place_of_one_take;
    CREATE INDEX place_of_path ON place (path);
    """,
)
"""SQL that leads from each version to the next; version n has the first n of them."""


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring the tables of a connection to the newest version, all steps in one transaction or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (known,) = connection.execute("PRAGMA user_version").fetchone()  # another program may have been faster
        for statement in filter(str.strip, "".join(STEPS[known:]).split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(STEPS)}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            connection.execute("ROLLBACK")
        raise


def new_catalogue() -> bytes:
    """Return the content of the file of an empty catalogue."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        made.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        upgrade(made)
        return bytes(made.serialize())


def tables_of(connection: sqlite3.Connection) -> frozenset[tuple[str, ...]]:
    """Return kind, name and SQL of every table, index, view and trigger."""
    return frozenset(connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master"))


def newest_tables() -> frozenset[tuple[str, ...]]:
    """Return the same of an empty catalogue of the newest version."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        upgrade(made)
        return tables_of(made)
