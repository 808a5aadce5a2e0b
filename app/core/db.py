"""The database: engine, row base, transactions, and the batch statements that both dialects share."""

import contextlib
import sqlite3
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

MAX_TRIES = 3
_BUSY_MS = 10_000  # how long SQLite waits for its write lock
Result = TypeVar("Result")
Values = Mapping[str, Any]
log = structlog.get_logger(__name__)


class Base(DeclarativeBase):
    """The base of every row class."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on both sides; refuses naive ones (SQLite would silently give those back)."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """UTC for the database; ValueError for a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: every time carries UTC")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Aware UTC, whatever the database gave."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def open_engine(url: str) -> sa.Engine:
    """An engine for SQLite (WAL, BEGIN IMMEDIATE) or PostgreSQL; nothing is connected yet."""

    def dumps(value: object) -> str:
        return orjson.dumps(value).decode()

    def loads(text: str | float) -> Any:
        # SQLite keeps the JSON text of a bare number as that number.
        return orjson.loads(text) if isinstance(text, str) else text

    if not url.startswith("sqlite"):
        engine = sa.create_engine(
            url,
            hide_parameters=True,  # errors are logged, and values may be secrets
            json_serializer=dumps,
            json_deserializer=orjson.loads,
            pool_size=8,
            max_overflow=24,
            pool_pre_ping=True,
            pool_timeout=5,
            connect_args={"connect_timeout": 5, "application_name": "alerting"},
        )
        sa.event.listen(engine, "handle_error", _without_details)
        return engine
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        json_serializer=dumps,
        json_deserializer=loads,
        connect_args={"timeout": 10, "check_same_thread": False},
        pool_size=8,
        max_overflow=24,
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # BEGIN is ours, below
        for pragma in (f"busy_timeout={_BUSY_MS}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A deferred BEGIN that reads and then writes cannot wait for its turn: it fails with "database is locked".
        options = connection.get_execution_options()
        if not options.get("hurried", False):
            connection.exec_driver_sql("BEGIN" if options.get("readonly", False) else "BEGIN IMMEDIATE")
            return
        connection.exec_driver_sql("PRAGMA busy_timeout=0")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY_MS}")

    return engine


@contextlib.contextmanager
def transaction(engine: sa.Engine, **info: object) -> Iterator[Session]:
    """A session that commits at the end and rolls back on any error; then runs what after_commit() collected.

    `info` is put at the session's `info`. Stands at the edges (requests, tasks, commands) only.
    """
    with Session(engine, expire_on_commit=False, autoflush=False) as session:
        session.info.update(info)
        session.info[_HOOKS] = {}
        with session.begin():
            yield session
        hooks: dict[Hashable, Callable[[], None]] = session.info.pop(_HOOKS)
    for key, hook in hooks.items():
        try:
            hook()
        except Exception:  # it is committed: nothing makes an error of it any more
            log.exception("after the commit", hook=key)


@contextlib.contextmanager
def hurried(engine: sa.Engine) -> Iterator[Session]:
    """A transaction for what may as well be left undone: on SQLite it fails at once while somebody else writes.

    PostgreSQL locks rows; there a statement skips the locked ones itself.
    """
    with transaction(engine.execution_options(hurried=True)) as session:
        yield session


@contextlib.contextmanager
def reading(engine: sa.Engine) -> Iterator[Session]:
    """A session that only reads and takes no write lock (PostgreSQL: AUTOCOMMIT, less than half the round trips)."""
    options: dict[str, Any] = {"readonly": True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "AUTOCOMMIT"
    with Session(engine.execution_options(**options), expire_on_commit=False, autoflush=False) as session:
        yield session


def in_transaction(engine: sa.Engine, unit: Callable[[Session], Result], **info: object) -> Result:
    """What `unit(session)` returns, run in one transaction; run again, at most 3 times in all, when a race was lost."""
    for left in reversed(range(MAX_TRIES)):
        try:
            with transaction(engine, **info) as session:
                return unit(session)
        except (sa.exc.DBAPIError, LostRace) as error:
            if not left or not _is_lost_race(error):
                raise
    raise AssertionError("unreachable")


class LostRace(Exception):
    """A guarded write found the row changed by somebody else; the unit of work should run again."""


def after_commit(session: Session, key: Hashable, hook: Callable[[], None]) -> None:
    """Run `hook` once after the commit, and never after a rollback; a later hook of the same key takes its place."""
    session.info[_HOOKS][key] = hook


def is_postgresql(session: Session) -> bool:
    """Whether the session speaks to PostgreSQL."""
    return session.get_bind().dialect.name == "postgresql"


def among(session: Session, column: sa.ColumnElement[str], values: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether a text column holds one of `values`; on PostgreSQL they travel as ONE array parameter."""
    if is_postgresql(session):
        return column == sa.any_(
            sa.cast(sa.literal(list(values), postgresql.ARRAY(sa.Text)), postgresql.ARRAY(sa.Text))
        )
    return column.in_(values)


def insert_many(
    session: Session, table: sa.Table, rows: Sequence[Values], *, on_conflict_do_nothing: bool = False
) -> int:
    """Insert rows that all have the same keys, in one statement; returns how many were inserted."""
    if not rows:
        return 0
    names = list(rows[0])
    ending = " ON CONFLICT DO NOTHING" if on_conflict_do_nothing else ""
    target = f"INSERT INTO {table.name} ({', '.join(names)}) "
    if is_postgresql(session):
        statement = sa.text(f"{target}SELECT {', '.join(names)} FROM {_recordset(table, names)}{ending}")
        return _n_rows(session.execute(statement, {"rows": _as_json(rows)}))
    statement = sa.text(f"{target}VALUES ({', '.join(':' + name for name in names)}){ending}")
    return _n_rows(session.execute(statement.bindparams(*_typed(table, names)), [dict(row) for row in rows]))


def update_many(session: Session, table: sa.Table, rows: Sequence[Values], *, guard: str | None = None) -> int:
    """Update rows by `id`, in one statement; returns how many changed.

    With `guard`, a row changes only where that column still holds row["old_" + guard].
    """
    if not rows:
        return 0
    names = [name for name in rows[0] if name not in ("id", f"old_{guard}")]
    if is_postgresql(session):
        extra = {f"old_{guard}": guard} if guard else {}
        sets = ", ".join(f"{name} = r.{name}" for name in names)
        where = f"{table.name}.id = r.id" + (f" AND {table.name}.{guard} = r.old_{guard}" if guard else "")
        source = _recordset(table, ["id", *names], extra)
        statement = sa.text(f"UPDATE {table.name} SET {sets} FROM {source} WHERE {where}")
        return _n_rows(session.execute(statement, {"rows": _as_json(rows)}))
    sets = ", ".join(f"{name} = :{name}" for name in names)
    where = "id = :id" + (f" AND {guard} = :old_{guard}" if guard else "")
    statement = sa.text(f"UPDATE {table.name} SET {sets} WHERE {where}").bindparams(*_typed(table, names))
    return _n_rows(session.execute(statement, [dict(row) for row in rows]))


_HOOKS = "after_commit"


def _without_details(context: sa.ExceptionContext) -> None:
    """Leave only the first line of PostgreSQL's message: those below it (DETAIL, CONTEXT) repeat the row's values."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args and isinstance(error.args[0], str):
            error.args = (error.args[0].partition("\n")[0], *error.args[1:])


def _recordset(table: sa.Table, names: Sequence[str], extra: Mapping[str, str] | None = None) -> str:
    """The rows of ONE JSON parameter as a table expression (multi-row VALUES is ten times slower)."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    typed = [(name, name) for name in names] + list((extra or {}).items())
    columns = ", ".join(f"{name} {table.c[like].type.compile(dialect)}" for name, like in typed)
    return f"jsonb_to_recordset(CAST(:rows AS jsonb)) AS r({columns})"


def _as_json(rows: Sequence[Values]) -> str:
    # A lone surrogate or NUL in a text is refused at the edge; what is left serialises.
    return orjson.dumps([dict(row) for row in rows]).decode()


def _typed(table: sa.Table, names: Sequence[str]) -> list[sa.BindParameter[Any]]:
    return [sa.bindparam(name, type_=table.c[name].type) for name in names]


def _n_rows(result: sa.Result[Any]) -> int:
    return int(getattr(result, "rowcount", 0))


def _is_lost_race(error: Exception) -> bool:
    if isinstance(error, LostRace | sa.exc.IntegrityError):
        return True
    state = str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
    return state.startswith("40") or "database is locked" in str(error)
