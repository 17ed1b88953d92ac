"""A small CRM on SQLite by the official Python SDK: the server whose state the tests read.

    upstream.py PORT DATABASE

`log` in the database has one row for each change that was made, in order.
"""

import sqlite3
import sys

from mcp.server.mcpserver import MCPServer

port, path = int(sys.argv[1]), sys.argv[2]
mcp = MCPServer("crm")


def changed(sql, values, what):
    with sqlite3.connect(path, timeout=10) as database:
        database.execute(sql, values)
        database.execute("INSERT INTO log (what) VALUES (?)", (what,))


@mcp.tool()
def find_customer(id: int) -> str:
    """Finds a customer by number."""
    with sqlite3.connect(path, timeout=10) as database:
        row = database.execute("SELECT name FROM customers WHERE id = ?", (id,)).fetchone()
    return row[0] if row else "nobody"


@mcp.tool()
def update_customer(id: int, name: str, dry_run: bool = False) -> str:
    """Renames a customer."""
    if dry_run:
        return f"would rename {id} to {name}"
    changed("UPDATE customers SET name = ? WHERE id = ?", (name, id), f"update {id} {name}")
    return "renamed"


@mcp.tool()
def delete_customer(id: int) -> str:
    """Deletes a customer."""
    changed("DELETE FROM customers WHERE id = ?", (id,), f"delete {id}")
    return "deleted"


@mcp.tool()
def note_customer(id: int, text: str) -> str:
    """Adds a note to a customer."""
    changed("INSERT INTO notes (id, text) VALUES (?, ?)", (id, text), f"note {id}")
    return "noted"


@mcp.tool()
def tag_customer(id: int, tag: str) -> str:
    """Tags a customer."""
    changed("INSERT INTO notes (id, text) VALUES (?, ?)", (id, tag), f"tag {id} {tag}")
    return "tagged"


@mcp.tool()
def move_customer(id: int, city: str) -> str:
    """Moves a customer."""
    changed("INSERT INTO notes (id, text) VALUES (?, ?)", (id, city), f"move {id} {city}")
    return "moved"


with sqlite3.connect(path) as database:
    database.executescript(
        """
        CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE notes (id INTEGER NOT NULL, text TEXT NOT NULL);
        CREATE TABLE log (at INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL);
        """
    )
    database.executemany("INSERT INTO customers VALUES (?, ?)", [(n, f"customer {n}") for n in range(1, 400)])
mcp.run(transport="streamable-http", port=port)
