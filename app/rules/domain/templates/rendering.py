"""Templates: parsed once, rendered for every alert."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from app.rules.domain.templates.functions import FUNCTIONS, LAZY, call, truth
from app.rules.domain.templates.parsing import parse
from app.rules.domain.templates.printing import MAX_TEXT, Failed, text_of, type_of
from app.rules.domain.templates.tree import (
    Call,
    Chain,
    Constant,
    Dot,
    Node,
    Operand,
    Pipeline,
    Text,
    Variable,
    operands,
)

MAX_OUTPUT = MAX_TEXT
_MAX_STEPS = 5000
_STEPS_OF_PATTERNS = 25  # a regular expression is compiled at every call
_CHARACTERS_A_STEP = 5  # as many are searched, and perhaps replaced, in the time of a step
_MAX_SOURCE = 10_000
_PATTERNS = ("match", "reReplaceAll")


@dataclass(frozen=True)
class Template:
    """A text with actions between {{ and }}."""

    text: str
    nodes: tuple[Node, ...] = field(repr=False)

    def render(
        self,
        labels: Mapping[str, str],
        value: float | None,
        external_labels: Mapping[str, str] | None = None,
        external_url: str = "",
    ) -> str:
        """The text for an alert of these labels; what fails while it is made takes the place of the text.

        A label that is missing is the empty text. The text has at most 10,000 characters, and ends after 5,000 steps.
        """
        if not self.nodes or (len(self.nodes) == 1 and isinstance(self.nodes[0], Text)):
            return self.text if self.nodes else ""
        given = {
            "$labels": labels,
            "$value": None if value is None else float(value),
            "$externalLabels": external_labels or {},
            "$externalURL": external_url,
        }
        root = _Root({name[1].upper() + name[2:]: found for name, found in given.items()})
        run = _Run([{"$": root, **given}])
        try:
            run.nodes(self.nodes, root)
            return "".join(run.out)
        except (Failed, ArithmeticError, ValueError) as error:
            return f"<error expanding template: {error}>"


@lru_cache(maxsize=20_000)
def parse_template(text: str) -> Template:
    """The template that the text is; ValueError names the place and the mend when it is none."""
    if "{{" not in text:
        return Template(text, (Text(text),))
    if len(text) > _MAX_SOURCE:
        raise ValueError(f"a template has at most {_MAX_SOURCE} characters; there are {len(text)}")
    return Template(text, parse(text, (*FUNCTIONS, *LAZY)))


def uses_value(template: Template) -> bool:
    """Whether the text depends on the value, so that it changes with every evaluation."""
    for one in operands(template.nodes):
        if one == Variable("$value"):
            return True
        if isinstance(one, Chain) and one.of in (Dot(), Variable("$")) and one.fields[0] == "Value":
            return True
    return False


class _Root(dict[str, Any]):
    """All that a template knows, by field."""


@dataclass
class _Run:
    """One rendering: what was written so far, the variables in sight, and the steps that were made."""

    scopes: list[dict[str, Any]]
    out: list[str] = field(default_factory=list)
    n_characters: int = 0
    n_steps: int = 0

    def nodes(self, nodes: tuple[Node, ...], dot: Any) -> None:
        for node in nodes:
            if isinstance(node, Text):
                self.write(node.text)
            elif isinstance(node, Pipeline):
                found = self.pipeline(node, dot)
                if not node.declares:
                    self.write(text_of(found))
            else:
                self.scopes.append({})
                self.step()
                found = self.pipeline(node.pipeline, dot, binds=node.word != "range")
                if node.word == "range":
                    for key, item in self.items(found):
                        self.scopes.append({})
                        names = node.pipeline.declares
                        self.bind(names, (key, item) if len(names) == 2 else (item,), assigns=node.pipeline.assigns)
                        self.nodes(node.body, item)
                        self.scopes.pop()
                    if not found:
                        self.nodes(node.otherwise, dot)
                elif truth(found):
                    self.nodes(node.body, found if node.word == "with" else dot)
                else:
                    self.nodes(node.otherwise, dot)
                self.scopes.pop()

    def items(self, found: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(found, _Root) or not (found is None or isinstance(found, Mapping)):
            raise Failed(f"range goes over labels, not over a value of type {type_of(found)}")
        for key, item in sorted((found or {}).items(), key=lambda pair: str(pair[0])):
            self.step()
            yield key, item

    def pipeline(self, pipeline: Pipeline, dot: Any, *, binds: bool = True) -> Any:
        found: Any = None
        for position, command in enumerate(pipeline.commands):
            found = self.command(command, dot, [found] if position else [])
        if binds:
            self.bind(pipeline.declares, (found,), assigns=pipeline.assigns)
        return found

    def command(self, command: tuple[Operand, ...], dot: Any, piped: list[Any]) -> Any:
        self.step()
        first, *rest = command
        if not isinstance(first, Call):
            if rest:
                raise Failed("only a function takes arguments; put the function first")
            return self.operand(first, dot)
        if first.name in LAZY:
            return self.chosen(first.name, rest, dot, piped)
        values = [*(self.operand(one, dot) for one in rest), *piped]
        if first.name in _PATTERNS:
            n_characters = sum(len(value) for value in values if isinstance(value, str))
            self.step(_STEPS_OF_PATTERNS + n_characters // _CHARACTERS_A_STEP)
        return call(first.name, values)

    def chosen(self, name: str, rest: list[Operand], dot: Any, piped: list[Any]) -> Any:
        """The first argument that settles `and` or `or`, else the last."""
        found: Any = None
        for one in rest:
            found = self.operand(one, dot)
            if truth(found) == (name == "or"):
                return found
        if not rest and not piped:
            raise Failed(f"{name} takes at least one argument")
        return piped[0] if piped else found

    def operand(self, operand: Operand, dot: Any) -> Any:
        if isinstance(operand, Constant):
            return operand.value
        if isinstance(operand, Variable):
            return self.scope_of(operand.name)[operand.name]
        if isinstance(operand, Dot):
            return dot
        if isinstance(operand, Call):
            return self.command((operand,), dot, [])
        if isinstance(operand, Pipeline):
            return self.pipeline(operand, dot)
        found = self.operand(operand.of, dot)
        for name in operand.fields:
            if isinstance(found, _Root) and name not in found:
                raise Failed(f"there is no .{name}; use one of {', '.join('.' + known for known in found)}")
            if not isinstance(found, Mapping):
                raise Failed(f"a value of type {type_of(found)} has no field {name}")
            found = found.get(name, "")
        return found

    def bind(self, names: tuple[str, ...], values: tuple[Any, ...], *, assigns: bool) -> None:
        for name, value in zip(names, values, strict=False):
            scope = self.scope_of(name) if assigns else self.scopes[-1]
            scope[name] = value

    def scope_of(self, name: str) -> dict[str, Any]:
        found = next((scope for scope in self.scopes[::-1] if name in scope), None)
        if found is None:
            raise Failed(f"{name} was not set on the way here; set it first")
        return found

    def step(self, n: int = 1) -> None:
        self.n_steps += n
        if self.n_steps > _MAX_STEPS:
            raise Failed(f"the template takes more than {_MAX_STEPS} steps")

    def write(self, text: str) -> None:
        self.n_characters += len(text)
        if self.n_characters > MAX_OUTPUT:
            raise Failed(f"the text is longer than {MAX_OUTPUT} characters")
        self.out.append(text)
