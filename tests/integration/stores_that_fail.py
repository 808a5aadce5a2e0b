"""Databases that fail for a while."""

import contextlib

_RAISE = (
    "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'broken' USING ERRCODE = '58030'; END $$"
)


@contextlib.contextmanager
def writes_fail(runtime, table):
    """While it is open, the database refuses each update of the table's rows."""
    break_writes(runtime, table)
    try:
        yield
    finally:
        heal_writes(runtime, table)


def break_writes(runtime, table):
    """From now on the database refuses each update of the table's rows."""
    if runtime.engine.dialect.name == "sqlite":
        statements = [f"CREATE TRIGGER broken BEFORE UPDATE ON {table.name} BEGIN SELECT RAISE(ABORT, 'broken'); END"]
    else:
        statements = [
            _RAISE,
            f"CREATE TRIGGER broken BEFORE UPDATE ON {table.name} FOR EACH ROW EXECUTE FUNCTION broken()",
        ]
    with runtime.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def heal_writes(runtime, table):
    """The database takes updates again."""
    postgresql = runtime.engine.dialect.name == "postgresql"
    with runtime.engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER broken{' ON ' + table.name if postgresql else ''}")
        if postgresql:
            connection.exec_driver_sql("DROP FUNCTION broken")
