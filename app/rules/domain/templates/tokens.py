"""The words of a template: text between actions, and the parts of each action."""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

_OPEN = re.compile(r"\{\{(-(?=[ \t\r\n]))?")
_COMMENT = re.compile(r"[ \t\r\n]*/\*")
_CLOSE = re.compile(r"([ \t\r\n]+-)?\}\}")
_SPACE = " \t\r\n"
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    |(?P<character>'(?:[^'\\\n]|\\.)+')
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![\w.]))
    |(?P<sign>:=|=|\||,|\(|\))
    |(?P<variable>\$\w*)
    |(?P<field>\.[^\W\d]\w*)
    |(?P<dot>\.)
    |(?P<word>[^\W\d]\w*)""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Token:
    """A word: `kind` is text, open, close, or a group's name above; `spaced` when white space stands before it."""

    kind: str
    text: str
    at: int
    spaced: bool = False


def tokens_of(text: str) -> Iterator[Token]:
    """The template's words in order; ValueError where one cannot be read."""
    position, trims = 0, False
    while True:
        opening = _OPEN.search(text, position)
        plain = text[position : opening.start() if opening else len(text)]
        plain = plain.lstrip(_SPACE) if trims else plain
        plain = plain.rstrip(_SPACE) if opening and opening[1] else plain
        if plain:
            yield Token("text", plain, position)
        if opening is None:
            return
        comment = _COMMENT.match(text, opening.end())
        if comment:
            closing = _comment_end(text, comment.end(), opening.start())
        else:
            yield Token("open", opening[0], opening.start())
            closing = yield from _action(text, opening)
            yield Token("close", closing[0], closing.start())
        position, trims = closing.end(), closing[1] is not None


def _comment_end(text: str, start: int, opened: int) -> re.Match[str]:
    end = text.find("*/", start)
    if end < 0:
        raise ValueError(f"{place(text, opened)}: the comment does not end; close it with */}}}}")
    closing = _CLOSE.match(text, end + 2)
    if closing is None:
        raise ValueError(f"{place(text, end)}: a comment stands alone; write }}}} directly after its */")
    return closing


def _action(text: str, opening: re.Match[str]) -> Generator[Token, None, re.Match[str]]:
    position, spaced = opening.end(), False
    while True:
        closing = _CLOSE.match(text, position)
        if closing:
            return closing
        if position >= len(text):
            raise ValueError(f"{place(text, opening.start())}: {{{{ is not closed; add }}}}")
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError(f"{place(text, position)}: {_unreadable(text, position)}")
        kind = str(found.lastgroup)
        if kind == "space":
            spaced = True
        else:
            yield Token(kind, found[0], position, spaced)
            spaced = False
        position = found.end()


def _unreadable(text: str, position: int) -> str:
    sign = text[position]
    if sign in "\"'`":
        return f"the text that begins with {sign} does not end in its line; close it with {sign}"
    if sign.isdigit():
        return "this is no number; write it like 90 or 0.5"
    if sign == "-":
        return 'a name cannot hold a -; use index, like {{ index $labels "my-label" }}'
    return f"unexpected character {sign!r}; leave it out or put it in quotes"


def unquoted(token: Token, whole: str) -> str:
    """What a literal in quotes means; ValueError for an escape that there is not."""
    if token.text[0] == "`":
        return token.text[1:-1].replace("\r", "")

    def meaning(found: re.Match[str]) -> str:
        name = found[1]
        if name in _ESCAPES:
            return _ESCAPES[name]
        if name == token.text[0]:
            return name
        try:
            return chr(int(name, 8) if name[0].isdigit() else int(name[1:], 16) if len(name) > 1 else -1)
        except (ValueError, OverflowError):
            raise ValueError(
                f"{place(whole, token.at)}: there is no escape \\{name}; write \\\\ for a backslash"
            ) from None

    text = _ESCAPE.sub(meaning, token.text[1:-1])
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{place(whole, token.at)}: half a surrogate pair is no character; leave it out")
    return text


def place(text: str, position: int) -> str:
    """Where in the text that is, for a person: "line 2, column 5"."""
    line = text.count("\n", 0, position)
    column = position - (text.rfind("\n", 0, position) + 1)
    return f"line {line + 1}, column {column + 1}"
