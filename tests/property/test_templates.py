"""Templates: whatever the text and the labels, parsing refuses by ValueError only and rendering never raises."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.domain.templates import MAX_OUTPUT, parse_template
from app.rules.domain.templates.functions import FUNCTIONS

WORDS = st.sampled_from(
    [
        *(
            "{{",
            "}}",
            "{{-",
            "-}}",
            " ",
            "|",
            "(",
            ")",
            "$labels",
            "$value",
            ".",
            ".a",
            "$x",
            ":=",
            "=",
            ",",
            '"a"',
            "`",
            '"',
        ),
        *(
            "if ",
            "else ",
            "end",
            "range ",
            "with ",
            "and ",
            "or ",
            "1",
            "1.5",
            "-3",
            "'c'",
            "/*",
            "*/",
            "true",
            "nil",
            "\\",
            "%d",
        ),
        *(f"{name} " for name in FUNCTIONS),
    ]
)
VALUES = st.one_of(st.none(), st.floats())
LABELS = st.dictionaries(st.sampled_from("abc"), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
OPERANDS = st.sampled_from(
    ["$value", "$labels", "$labels.a", ".", '"a b"', '"%5.2f %q"', "3", "0.5", "-1", "nil", "true", "$externalURL"]
)


@settings(deadline=None)  # a busy machine is no error
@given(st.lists(WORDS, max_size=40).map("".join), LABELS, VALUES)
def test_any_text_is_refused_by_value_error_or_rendered(text, labels, value):
    with contextlib.suppress(ValueError):
        found = parse_template(text).render(labels, value)
        assert len(found) <= MAX_OUTPUT + 1000


@settings(deadline=None)  # a busy machine is no error
@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(OPERANDS, max_size=4), LABELS, VALUES)
def test_any_call_of_a_function_comes_to_a_text(name, operands, labels, value):
    text = parse_template(f"{{{{ {name} {' '.join(operands)} }}}}").render(labels, value)
    assert isinstance(text, str)


@settings(deadline=None)  # a busy machine is no error
@given(st.text("%dsvfxq+-# 0123.*[]eé", max_size=20), st.lists(OPERANDS, max_size=3), LABELS, VALUES)
def test_any_format_comes_to_a_text(template, operands, labels, value):
    text = parse_template(f"{{{{ printf `{template}` {' '.join(operands)} }}}}").render(labels, value)
    assert isinstance(text, str)
