"""What a template consists of, once it is parsed."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """What is copied as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal; None for `nil`."""

    value: str | bool | int | float | None


@dataclass(frozen=True, slots=True)
class Call:
    """A function by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable by its name with the dollar sign."""

    name: str


@dataclass(frozen=True, slots=True)
class Dot:
    """What `with` or `range` is about just now, or all that the template knows."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Fields of something, one in the other."""

    of: "Operand"
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each fed with what the one before came to; `declares` names variables that take the result."""

    commands: tuple[tuple["Operand", ...], ...]
    declares: tuple[str, ...] = ()
    assigns: bool = False


Operand = Constant | Call | Variable | Dot | Chain | Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """A block: `if`, `with` or `range`."""

    word: str
    pipeline: Pipeline
    body: tuple["Node", ...]
    otherwise: tuple["Node", ...]


Node = Text | Pipeline | Branch


def operands(nodes: tuple[Node, ...]) -> Iterator[Operand]:
    """Every operand in the nodes, those inside of others included."""
    waiting: list[Node | Operand] = list(nodes)
    while waiting:
        one = waiting.pop()
        if isinstance(one, Branch):
            waiting += [one.pipeline, *one.body, *one.otherwise]
        elif not isinstance(one, Text):
            yield one
            if isinstance(one, Pipeline):
                waiting += [operand for command in one.commands for operand in command]
            elif isinstance(one, Chain):
                waiting.append(one.of)
