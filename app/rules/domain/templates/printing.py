"""How Go prints values: `%v`, and the other verbs of printf."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

MAX_TEXT = 10_000  # characters that any value may have
_VERB = re.compile(r"%([+\-# 0]*)(\*|\d+)?(?:(\.)(\*|\d+)?)?(?:\[(\d+)\])?(.)?", re.DOTALL)
_WORD_OF = {bool: "bool", int: "int", float: "float64", str: "string", datetime: "time.Time"}


class Failed(Exception):
    """What a template asked for cannot be done; the message is for the reader of the alert."""


def bounded(text: str) -> str:
    """The text; Failed when it is too long."""
    if len(text) > MAX_TEXT:
        raise Failed(f"the text is longer than {MAX_TEXT} characters")
    return text


def text_of(value: Any) -> str:
    """The value as `%v` prints it; nothing is the empty text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_text(value, "g", None)
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{name}:{text_of(value[name])}" for name in sorted(value)) + "]"
    if isinstance(value, datetime):
        fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
        return f"{value:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"
    return str(value)


def type_of(value: Any) -> str:
    """The name that Go has for the value's type."""
    return "map[string]string" if isinstance(value, Mapping) else _WORD_OF.get(type(value), "nil")


def float_text(value: float, verb: str, precision: int | None) -> str:
    """A float as `%e`, `%f` or `%g` prints it; without `precision`, the fewest digits that tell it from all others."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if verb.lower() != "g":
        return f"{value:.{6 if precision is None else precision}{verb}}"
    if precision is not None:
        return f"{value:.{precision or 1}{verb}}"
    sign, digits, exponent = _shortest(value)
    if not -4 <= exponent < 6:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        letter = "E" if verb == "G" else "e"
        return f"{sign}{mantissa}{letter}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole, fraction = digits[: exponent + 1].ljust(exponent + 1, "0"), digits[exponent + 1 :]
    return sign + whole + ("." + fraction if fraction else "")


def _shortest(value: float) -> tuple[str, str, int]:
    """Sign, significant digits, and the power of ten of the first digit."""
    mantissa, _, exponent = f"{value!r}".partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return sign, "0", 0
    leading = len(whole + fraction) - len(digits)
    return sign, digits.rstrip("0") or "0", len(whole) - 1 - leading + int(exponent or 0)


def sprint(values: Sequence[Any]) -> str:
    """The values in a row, with a space between two that are both no text."""
    text = ""
    for position, value in enumerate(values):
        if position and not isinstance(value, str) and not isinstance(values[position - 1], str):
            text += " "
        text = bounded(text + text_of(value))
    return text


def printf(template: str, values: Sequence[Any]) -> str:
    """The template with its verbs replaced, as Go does it: what does not fit is named in the text."""
    text, position, used, indexed = "", 0, 0, False
    for found in _VERB.finditer(template):
        text = bounded(text + template[position : found.start()])
        position = found.end()
        flags, width, point, precision, index, verb = found.groups()
        sizes: list[int | None] = []
        wrong = ""
        for size, mark in ((width, "%!(BADWIDTH)"), (precision, "%!(BADPREC)")):
            number: Any = None if size is None else int(size) if size != "*" else None
            if size == "*":
                number = values[used] if used < len(values) else None
                used += 1
            if size is not None and (type(number) is not int or abs(number) > MAX_TEXT):
                wrong, number = wrong + mark, None
            sizes.append(number)
        text += wrong
        if verb is None:
            return bounded(text + "%!(NOVERB)")
        if verb == "%":
            text += "%"
            continue
        if index is not None:
            used, indexed = int(index) - 1, True
        if not 0 <= used < len(values):
            text += f"%!{verb}({'BADINDEX' if index is not None else 'MISSING'})"
            continue
        wide, precise = sizes
        if point and precise is None and precision is None:
            precise = 0
        text = bounded(text + _padded(verb, values[used], flags, wide, precise))
        used += 1
    text += template[position:]
    if used < len(values) and not indexed:
        text += "%!(EXTRA " + ", ".join(f"{type_of(one)}={text_of(one)}" for one in values[used:]) + ")"
    return bounded(text)


def _padded(verb: str, value: Any, flags: str, width: int | None, precision: int | None) -> str:
    text = _formatted(verb, value, flags, precision)
    if width is None:
        return text
    if "-" in flags or width < 0:
        return text.ljust(abs(width))
    number = isinstance(value, int | float) and text[-1:].isalnum() and text not in ("NaN", "+Inf", "-Inf")
    if "0" in flags and number:
        sign = text[:1] if text[:1] in ("+", "-", " ") else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")
    return text.rjust(width)


def _formatted(verb: str, value: Any, flags: str, precision: int | None) -> str:
    if verb == "T":
        return type_of(value)
    if verb == "v" and not isinstance(value, float | int | str):
        return text_of(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = None
    if isinstance(value, bool):
        text = text_of(value) if verb in "tv" else None
    elif isinstance(value, float):
        text = float_text(value, "g" if verb == "v" else verb, precision) if verb in "eEfFgGv" else None
    elif isinstance(value, int):
        text = _integer(verb, value, flags)
    elif isinstance(value, str):
        text = _string(verb, value, precision)
    elif verb == "s" and value is not None:
        text = text_of(value)
    if text is None:
        return f"%!{verb}({type_of(value)}={text_of(value)})" if value is not None else f"%!{verb}(<nil>)"
    if number and verb not in "qcU" and text[:1] not in "+-":
        text = "+" + text if "+" in flags else " " + text if " " in flags else text
    return text


def _integer(verb: str, value: int, flags: str) -> str | None:
    if verb in "dv":
        return str(value)
    if verb in "xXob":
        return format(value, ("#" if "#" in flags and verb != "o" else "") + verb)
    if verb in "cq" and 0 <= value < 0x110000 and not 0xD800 <= value < 0xE000:
        return chr(value) if verb == "c" else f"'{chr(value)}'"
    return None


def _string(verb: str, value: str, precision: int | None) -> str | None:
    cut = value if precision is None else value[:precision]
    if verb in "sv":
        return cut
    if verb == "q":
        return quoted(cut)
    if verb in "xX":
        digits = cut.encode(errors="replace").hex()
        return digits.upper() if verb == "X" else digits
    return None


def quoted(text: str) -> str:
    """The text in double quotes, with escapes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
