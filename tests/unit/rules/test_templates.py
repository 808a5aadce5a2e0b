"""Templates of annotations and labels: what they come to, as Prometheus would have it."""

import math
import re

import pytest

from app.rules.domain.templates import MAX_OUTPUT, parse_template, uses_value

LABELS = {"instance": "web-1.example.org:9100", "job": "node", "empty": ""}


def rendered(text, value=0.5, labels=LABELS, **more):
    return parse_template(text).render(labels, value, **more)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain } text", "plain } text"),
        ("", ""),
        ("{{ $labels.instance }} is {{ $value }}", "web-1.example.org:9100 is 0.5"),
        ("{{ .Labels.job }}/{{.Value}}/{{ $.Value }}", "node/0.5/0.5"),
        ("[{{ $labels.nothing }}]", "[]"),
        ("{{ $labels }}", "map[empty: instance:web-1.example.org:9100 job:node]"),
        ("a {{- $value -}} b", "a0.5b"),
        ("a {{/* a comment */}} b", "a  b"),
        ("a {{- /* a comment */ -}} b", "ab"),
        ('{{ $x := "y" }}{{ $x }}', "y"),
        ('{{ $x := "y" }}{{ if true }}{{ $x = "z" }}{{ end }}{{ $x }}', "z"),
        ('{{ $x := "y" }}{{ if true }}{{ $x := "z" }}{{ end }}{{ $x }}', "y"),
        (r"{{ `raw \n` }}", r"raw \n"),
        (r'{{ "a\tb\"\u00e9" }}', 'a\tb"é'),
        ("{{ 'a' }}", "97"),
        ("{{ -3 }} {{ 0x10 }} {{ 1e3 }} {{ 010 }} {{ true }}", "-3 16 1000 8 true"),
        ("{{ if $labels.job }}yes{{ else }}no{{ end }}", "yes"),
        ("{{ if $labels.empty }}yes{{ else }}no{{ end }}", "no"),
        ("{{ if gt $value 0.9 }}a{{ else if gt $value 0.4 }}b{{ else }}c{{ end }}", "b"),
        ("{{ with $labels.job }}<{{ . }}>{{ end }}", "<node>"),
        ("{{ with $labels.none }}x{{ else }}none{{ end }}", "none"),
        ("{{ with $x := $labels.job }}{{ $x }}{{ end }}", "node"),
        ("{{ range $k, $v := $labels }}{{ $k }};{{ end }}", "empty;instance;job;"),
        ("{{ range $labels }}<{{ . }}>{{ end }}", "<><web-1.example.org:9100><node>"),
        ("{{ range $externalLabels }}x{{ else }}none{{ end }}", "none"),
        ("{{ and $labels.job $labels.empty }}|{{ or $labels.empty $labels.job }}|{{ not true }}", "|node|false"),
        ('{{ or "stops here" (index $value "x") }}', "stops here"),
        (
            '{{ eq $labels.job "db" "node" }} {{ ne $labels.job "db" }} {{ le 1 1 }} {{ lt "a" "b" }}',
            "true true true true",
        ),
        ('{{ len $labels.job }} {{ len $labels }} {{ index $labels "job" }}', "4 3 node"),
        ('{{ $labels.job | toUpper | printf "%s!" }}', "NODE!"),
        ('{{ (printf "%d" 3) | len }}', "1"),
        ('{{ title "two words" }} {{ "ABC" | toLower }}', "Two Words abc"),
        ('{{ match "^web" $labels.instance }}', "true"),
        ('{{ reReplaceAll "(.*):(.*)" "$2 of ${1}" $labels.instance }}', "9100 of web-1.example.org"),
        ('{{ reReplaceAll "x*" "-" "abxc" }}', "-a-b-c-"),
        ('{{ reReplaceAll "(?P<n>a)(x)?" "<$n$2$$1$9>" "ab" }}', "<a$1>b"),
        ("{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }}", "web-1.example.org web-1:9100"),
        ('{{ stripPort "[::1]:80" }} {{ stripPort "::1" }} {{ stripDomain "10.0.0.1:80" }}', "::1 ::1 10.0.0.1:80"),
        ('{{ urlquery "a b&c" }} {{ html "<a>\'" }} {{ safeHtml "<a>" }}', "a+b%26c &lt;a&gt;&#39; <a>"),
        ('{{ print "a" 1 2 "b" }}|{{ println 1 }}', "a1 2b|1\n"),
        ('{{ with args 1 "x" }}{{ .arg1 }}{{ end }}', "x"),
        ('{{ parseDuration "1h30m" }} {{ toTime 0 }}', "5400 1970-01-01 00:00:00 +0000 UTC"),
        ('{{ graphLink "up > 1" }}', "/graph?g0.expr=up+%3E+1&g0.tab=0"),
    ],
)
def test_a_template_comes_to(text, expected):
    assert rendered(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((12.0, "12"), (0.5, "0.5"), (1e6, "1e+06"), (999999.0, "999999"), (123456789.0, "1.23456789e+08")),
        *((1e-5, "1e-05"), (0.0001, "0.0001"), (0.1 + 0.2, "0.30000000000000004"), (-2.5, "-2.5"), (0.0, "0")),
        *((1e100, "1e+100"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"), (100000.0, "100000")),
        *((-0.0, "-0"), (1234.5678, "1234.5678"), (5e-324, "5e-324"), (1e16, "1e+16")),
    ],
)
def test_a_value_is_printed_as_go_prints_it(value, expected):
    assert rendered("{{ $value }}", value) == expected


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        *(("humanize", value, text) for value, text in ((0.0, "0"), (1.0, "1"), (1234567.0, "1.235M"), (0.12, "120m"))),
        *(
            ("humanize", value, text)
            for value, text in ((-2500.0, "-2.5k"), (math.inf, "+Inf"), (1e-9, "1n"), (1e30, "1e+06Y"))
        ),
        *(
            ("humanize1024", value, text)
            for value, text in ((0.0, "0"), (1048576.0, "1Mi"), (0.5, "0.5"), (2048.0, "2ki"))
        ),
        *(
            ("humanizeDuration", value, text)
            for value, text in ((0.0, "0s"), (-0.0, "-0s"), (1.0, "1s"), (60.0, "1m 0s"), (86400.0, "1d 0h 0m 0s"))
        ),
        *(
            ("humanizeDuration", value, text)
            for value, text in ((3661.0, "1h 1m 1s"), (0.1, "100ms"), (-60.0, "-1m 0s"), (1.25, "1.25s"))
        ),
        *(
            ("humanizeDuration", value, text)
            for value, text in ((1e-4, "100us"), (math.nan, "NaN"), (899.999, "14m 59s"))
        ),
        *(
            ("humanizePercentage", value, text)
            for value, text in ((-1.0, "-100%"), (0.1234567, "12.35%"), (math.inf, "+Inf%"))
        ),
        *(
            ("humanizeTimestamp", value, text)
            for value, text in ((1435065584.128, "2015-06-23 13:19:44.128 +0000 UTC"),)
        ),
        *(
            ("humanizeTimestamp", value, text)
            for value, text in ((math.inf, "+Inf"), (0.0, "1970-01-01 00:00:00 +0000 UTC"))
        ),
    ],
)
def test_a_number_is_humanized(function, value, expected):
    assert rendered(f"{{{{ $value | {function} }}}}", value) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        *(('"%.2f" $value', "0.50"), ('"%5.1f|" $value', "  0.5|"), ('"%-5d|" 3', "3    |"), ('"%05d" -3', "-0003")),
        *(('"%d" $value', "%!d(float64=0.5)"), ('"%s" $value', "%!s(float64=0.5)"), ('"%f" 3', "%!f(int=3)")),
        *(('"%d" "x"', "%!d(string=x)"), ('"%s %s" "x"', "x %!s(MISSING)"), ('"x" 1', "x%!(EXTRA int=1)")),
        *(
            ('"%v %v" $labels.job true', "node true"),
            ('"%q" "a\\"b"', '"a\\"b"'),
            ('"%x" 255', "ff"),
            ('"%t" true', "true"),
        ),
        *(
            ('"%%"', "%"),
            ('"100%"', "100%!(NOVERB)"),
            ('"%z" 1', "%!z(int=1)"),
            ('"%+d" 3', "+3"),
            ('"%6.2f%%" $value', "  0.50%"),
        ),
        *(
            ('"%[2]s %[1]s" "a" "b"', "b a"),
            ('"%*d" 4 3', "   3"),
            ('"%.3s" "abcdef"', "abc"),
            ('"%e" $value', "5.000000e-01"),
        ),
        *(
            ('"%.0f" 2.5', "2"),
            ('"%g" 100000.0', "100000"),
            ('"%.3g" 1234.5', "1.23e+03"),
            ('"%c" 65', "A"),
            ('"%T" 1.5', "float64"),
        ),
        *(('"%999999999d" 1', "%!(BADWIDTH)1"), ('"%.999999999f" $value', "%!(BADPREC)0.500000")),
    ],
)
def test_printf_follows_go(call, expected):
    assert rendered(f"{{{{ printf {call} }}}}") == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "{{ if gt $value 90 }}x{{ end }}",
            "gt cannot compare float64 with int; write the number with a point, like 90.0",
        ),
        ('{{ query "up" | first | value }}', "query and what rests on it are not answered in texts of alerts"),
        ("{{ .Nothing }}", "there is no .Nothing; use one of .Labels, .Value, .ExternalLabels, .ExternalURL"),
        ("{{ $labels.job.x }}", "a value of type string has no field x"),
        ("{{ toUpper $value }}", "toUpper takes a text, not a value of type float64"),
        ("{{ toUpper }}", "toUpper takes 1 arguments; there are 0"),
        ('{{ humanize "x" }}', '"x" is no number'),
        ("{{ range $value }}{{ end }}", "range goes over labels, not over a value of type float64"),
        ('{{ $labels.job "x" }}', "only a function takes arguments; put the function first"),
        ('{{ match "(" "x" }}', '"(" is no regular expression (RE2)'),
        ("{{ and false ($x := 1) }}{{ $x }}", "$x was not set on the way here; set it first"),
        ("{{ $value | humanizeTimestamp }}", "is no time in seconds since 1970"),
    ],
)
def test_what_fails_while_it_is_made_stands_in_the_text(text, reason):
    found = rendered(text, 1e300)
    assert found.startswith("<error expanding template: ")
    assert reason in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n {{ $labels.x", "line 2, column 2: {{ is not closed; add }}"),
        ("{{ foo }}", "line 1, column 4: there is no function foo; labels are written $labels.foo"),
        ("{{ humanise 1 }}", "did you mean humanize?"),
        ("{{ $x }}", "there is no variable $x; labels are written $labels.x"),
        ("{{ $labels.my-label }}", "use index"),
        ("{{ if true }}x", "line 1, column 4: if has no end; add {{ end }}"),
        ("{{ end }}", "end belongs to no if, with or range"),
        ("{{ else }}", "else belongs to no"),
        ("{{ if true }}{{ else }}{{ else }}{{ end }}", "else belongs to no"),
        ("{{ }}", "a value is missing here"),
        ("{{ $value | }}", "a value is missing here"),
        ("{{ $value | 3 }}", "only a function can stand after |"),
        ("{{ (1 }}", "a ( is not closed; add )"),
        ("{{ 1) }}", "unexpected )"),
        ('{{ "x }}', 'the text that begins with " does not end in its line'),
        ('{{ "\\z" }}', "there is no escape \\z"),
        ('{{ "\\ud800" }}', "half a surrogate pair"),
        ("{{ 08 }}", "08 is no number"),
        ("{{ 99999999999999999999 }}", "is no number"),
        ("{{ 1x }}", "this is no number"),
        ("{{ /* x }}", "the comment does not end"),
        ('{{ template "x" }}', "template cannot be used here"),
        ("{{ if $a, $b := $labels }}{{ end }}", "only range sets two variables"),
        ('{{ "a""b" }}', "put a space before"),
        ("{{ if true }}{{ $x := 1 }}{{ else }}{{ $x }}{{ end }}", "there is no variable $x"),
        ("{{ %s }}" % ("(" * 100), "nests deeper than 50 levels"),
        ("{{ if true }}" * 100, "nests deeper than 50 levels"),
        ("{{ 3.x }}", "this is no number"),
        ("{{ $value }}" * 1000, "a template has at most 10000 characters"),
    ],
)
def test_a_template_that_cannot_be_read_names_the_place_and_the_mend(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_template(text)


@pytest.mark.parametrize(
    "text",
    [
        '{{ printf "%9999d%9999d" 1 2 }}',
        '{{ $x := "0123456789" }}' + "{{ $x = print $x $x $x $x }}" * 20,
        "{{ range $labels }}" * 4 + "x" + "{{ end }}" * 4,
        '{{ $x := printf "%9999d" 1 }}{{ reReplaceAll "" $x $x }}',
        '{{ $x := printf "%9999d" 1 }}{{ $x }}{{ $x }}',
        '{{ range $labels }}{{ range $labels }}{{ $x := reReplaceAll "x" "y" . }}{{ end }}{{ end }}',
        '{{ printf "%9000d" 1 | urlquery | urlquery }}',
    ],
)
def test_a_hostile_template_is_cut_off(text):
    labels = {f"label_{number}": "x" for number in range(64)}
    found = rendered(text, labels=labels)
    assert found.startswith("<error expanding template: ")
    assert len(found) < MAX_OUTPUT


def test_external_labels_and_url_are_known():
    found = rendered(
        "{{ $externalLabels.cluster }} {{ $externalURL }}", external_labels={"cluster": "a"}, external_url="u"
    )
    assert found == "a u"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ $value }}", True),
        ("{{ .Value | humanize }}", True),
        ("{{ if gt $value 1.0 }}x{{ end }}", True),
        ('{{ printf "%f" ($.Value) }}', True),
        ("{{ range $labels }}{{ $value }}{{ end }}", True),
        ("{{ $labels.value }}", False),
        ("$value", False),
        ("{{ .Labels.Value }}", False),
    ],
)
def test_it_is_known_whether_a_text_depends_on_the_value(text, expected):
    assert uses_value(parse_template(text)) is expected
