"""A template's tree out of its words."""

import difflib
from collections.abc import Collection
from typing import NoReturn

from app.rules.domain.templates.tokens import Token, place, tokens_of, unquoted
from app.rules.domain.templates.tree import (
    Branch,
    Call,
    Chain,
    Constant,
    Dot,
    Node,
    Operand,
    Pipeline,
    Text,
    Variable,
)

#: The variables that every template has.
GIVEN = ("$", "$labels", "$value", "$externalLabels", "$externalURL")
_MAX_DEPTH = 50
_BLOCKS = ("if", "with", "range")
_ABSENT = ("define", "template", "block", "break", "continue")


def parse(text: str, functions: Collection[str]) -> tuple[Node, ...]:
    """The template's nodes; ValueError names the place and the mend. `functions` are the names that are known."""
    return _Parser(text, functions).whole()


class _Parser:
    """A recursive descent over the words; `depth` bounds it, whatever the text."""

    def __init__(self, text: str, functions: Collection[str]) -> None:
        self.text, self.functions = text, functions
        self.tokens = list(tokens_of(text))
        self.position = 0
        self.depth = 0
        self.variables = list(GIVEN)

    def whole(self) -> tuple[Node, ...]:
        nodes, ended_by = self.block(())
        assert ended_by is None
        return nodes

    def block(self, ends: tuple[str, ...]) -> tuple[tuple[Node, ...], Token | None]:
        """The nodes up to one of the words that end the block, and that word, which is taken."""
        nodes: list[Node] = []
        while (token := self.take()) is not None:
            if token.kind == "text":
                nodes.append(Text(token.text))
                continue
            word = self.peek()
            if word is None or word.kind != "word" or word.text not in (*_BLOCKS, *_ABSENT, "else", "end"):
                nodes.append(self.pipeline(("close",)))
                self.take()
                continue
            self.take()
            if word.text in _ABSENT:
                self.fail(word, f"{word.text} cannot be used here; write out what it stands for")
            if word.text in _BLOCKS:
                nodes.append(self.branch(word))
            elif word.text in ends:
                return tuple(nodes), word
            else:
                self.fail(word, f"{word.text} belongs to no if, with or range; leave it out")
        return tuple(nodes), None

    def branch(self, word: Token) -> Branch:
        self.enter(word)
        n_variables = len(self.variables)
        pipeline = self.pipeline(("close",), n_declared=2 if word.text == "range" else 1)
        self.take()
        n_inner = len(self.variables)
        body, ended_by = self.block(("else", "end"))
        del self.variables[n_inner:]
        otherwise: tuple[Node, ...] = ()
        if ended_by is not None and ended_by.text == "else":
            follows = self.peek()
            if follows is not None and follows.text in ("if", "with") and follows.text == word.text:
                self.take()
                otherwise = (self.branch(follows),)  # its end is ours
                del self.variables[n_variables:]
                self.depth -= 1
                return Branch(word.text, pipeline, body, otherwise)
            self.close()
            otherwise, ended_by = self.block(("end",))
        if ended_by is None:
            self.fail(word, f"{word.text} has no end; add {{{{ end }}}}")
        self.close()
        del self.variables[n_variables:]
        self.depth -= 1
        return Branch(word.text, pipeline, body, otherwise)

    def pipeline(self, ends: tuple[str, ...], n_declared: int = 1) -> Pipeline:
        declares, assigns = self.declared(n_declared)
        commands: list[tuple[Operand, ...]] = []
        while True:
            commands.append(self.command(first=not commands))
            token = self.peek()
            assert token is not None  # an action is closed, or its words had not come so far
            if token.kind in ends or token.text in ends:
                break
            if token.kind == "close":
                self.fail(token, "a ( is not closed; add )")
            if token.text != "|":
                self.fail(token, f"unexpected {token.text}; leave it out")
            self.take()
        if not assigns:
            self.variables += declares
        return Pipeline(tuple(commands), declares, assigns)

    def declared(self, n_most: int) -> tuple[tuple[str, ...], bool]:
        """The variables that the pipeline sets, and whether they exist already."""
        ahead = self.tokens[self.position : self.position + 4]
        for n in (1, 2):
            signs = [token.text for token in ahead[1 : 2 * n - 1 : 2]]
            named = ahead[: 2 * n : 2]
            last = ahead[2 * n - 1] if len(ahead) >= 2 * n else None
            if last is None or last.text not in (":=", "=") or signs != [","] * (n - 1):
                continue
            if any(token.kind != "variable" or token.text == "$" for token in named):
                continue
            if n > n_most:
                self.fail(ahead[0], "only range sets two variables; set one")
            names = tuple(token.text for token in named)
            if last.text == "=":
                for token in named:
                    self.known(token)
            self.position += 2 * n
            return names, last.text == "="
        return (), False

    def command(self, *, first: bool) -> tuple[Operand, ...]:
        operands: list[Operand] = []
        while (token := self.peek()) is not None and token.text not in ("|", ")") and token.kind != "close":
            if operands and not token.spaced and token.text != "(":
                self.fail(token, f"put a space before {token.text}")
            operands.append(self.operand())
        if not operands:
            where = token or self.tokens[-1]
            self.fail(where, "a value is missing here; write one, like $value")
        if not first and not isinstance(operands[0], Call):
            assert token is not None
            self.fail(token, "only a function can stand after |, like {{ $value | humanize }}")
        return tuple(operands)

    def operand(self) -> Operand:
        token = self.take()
        assert token is not None
        found = self.term(token)
        fields: list[str] = []
        if token.kind == "field":
            fields.append(token.text[1:])
        while (after := self.peek()) is not None and after.kind == "field" and not after.spaced:
            fields.append(after.text[1:])
            self.take()
        if fields and isinstance(found, Constant):
            self.fail(token, f"{token.text} has no fields; leave out .{fields[0]}")
        return Chain(found, tuple(fields)) if fields else found

    def term(self, token: Token) -> Operand:
        if token.kind == "string":
            return Constant(unquoted(token, self.text))
        if token.kind == "character":
            character = unquoted(token, self.text)
            if len(character) != 1:
                self.fail(token, f'use double quotes for a text: "{character}"')
            return Constant(ord(character))
        if token.kind == "number":
            number = _number(token.text)
            if number is None:
                self.fail(token, f"{token.text[:50]} is no number; write it like 90 or 0.5")
            return Constant(number)
        if token.kind == "variable":
            self.known(token)
            return Variable(token.text)
        if token.kind in ("field", "dot"):
            return Dot()
        if token.text == "(":
            self.enter(token)
            inner = self.pipeline((")",))
            self.take()
            self.depth -= 1
            return inner
        if token.kind != "word":
            self.fail(token, f"unexpected {token.text}; leave it out")
        if token.text in ("true", "false", "nil"):
            return Constant({"true": True, "false": False, "nil": None}[token.text])
        if token.text not in self.functions:
            near = difflib.get_close_matches(token.text, self.functions, n=1)
            mend = f"did you mean {near[0]}?" if near else f"labels are written $labels.{token.text}"
            self.fail(token, f"there is no function {token.text}; {mend}")
        return Call(token.text)

    def known(self, token: Token) -> None:
        if token.text not in self.variables:
            self.fail(token, f"there is no variable {token.text}; labels are written $labels.{token.text[1:]}")

    def close(self) -> None:
        token = self.take()
        if token is None or token.kind != "close":
            self.fail(token or self.tokens[-1], "unexpected word; close the action with }}")

    def enter(self, token: Token) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self.fail(token, f"the template nests deeper than {_MAX_DEPTH} levels; make it flatter")

    def take(self) -> Token | None:
        token = self.peek()
        self.position += 1
        return token

    def peek(self) -> Token | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def fail(self, token: Token, message: str) -> NoReturn:
        raise ValueError(f"{place(self.text, token.at)}: {message}")


def _number(text: str) -> int | float | None:
    """As Go: a point or an exponent makes a number a float, and only then may it be compared with $value."""
    hexadecimal = "x" in text.lower()
    try:
        if not hexadecimal and any(sign in text for sign in ".eE"):
            return float(text)
        octal = text.lstrip("+-").startswith("0") and text.strip("+-0_")
        number = int(text, 16 if hexadecimal else 8 if octal else 10)
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**63 else None
