"""Staff text: what is refused when it is saved, what it prints, and that no text can do harm or take long."""

import contextlib
import time
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db.models import TextChoices
from django.utils.safestring import mark_safe

from careops.lib.fields import Secret
from careops.lib.render import MissingValue, RenderError, check, one_line, render

DECLARED = {"patient.first_name", "patient.age", "clinic.name", "order.items", "visit.start"}


def problems(template, declared=DECLARED):
    with pytest.raises(ValidationError) as caught:
        check(template, declared)
    return caught.value.messages


# ── When it is saved ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "template",
    [
        "",
        "Hello {{ patient.first_name }} from {{ clinic.name | upcase }}",
        "{% if patient.age >= 65 %}{{ patient.first_name }}{% else %}you{% endif %}",
        "{% for item in order.items %}{{ forloop.index }}: {{ item.name }}{% endfor %}",
        "{% assign who = patient.first_name %}{{ who }}",
        "{{ order.items[0].name }} {{ order.items.size }} {{ order['items'] }}",
        "{% for n in (1..3) %}{{ n }}{% endfor %}",
        "{% comment %}{{ nothing }}{% endcomment %}{% raw %}{{ nothing }}{% endraw %}",
        "{% case patient.age %}{% when 1 %}one{% else %}more{% endcase %}",
    ],
)
def test_good_templates_pass(template):
    check(template, DECLARED)


def test_an_unknown_name_is_reported_with_its_line_and_near_misses():
    assert problems("Hello\n{{ patient.frist_name }}") == [
        "Line 2: “patient.frist_name” is not known. Did you mean patient.first_name, patient.age?"
    ]


def test_an_unknown_name_without_near_misses():
    assert problems("{{ zzz }}") == ["Line 1: “zzz” is not known."]


def test_everything_wrong_is_reported_at_once():
    assert len(problems("{{ one_thing }}{{ other_thing }}{{ clinic.name | shout }}")) == 3


def test_an_unknown_filter_is_reported_with_near_misses():
    assert problems("{{ clinic.name | upcas }}") == ["Line 1: “upcas” is not known. Did you mean upcase?"]


@pytest.mark.parametrize(
    "template",
    [
        "{{ patient }}",  # above what is declared
        "{% assign p = patient %}{{ p.first_name }}",
        "{% for x in patient %}{{ x }}{% endfor %}",
        "{{ patient.first_name_secret }}",
        "{% if ssn %}x{% endif %}",
        "{{ clinic.name | append: ssn }}",
        "{% for i in (1..ssn) %}{% endfor %}",
        "{% for item in order.items %}{% endfor %}{{ item }}",
    ],
)
def test_undeclared_names_are_found_wherever_they_hide(template):
    assert "is not known" in problems(template)[0]


def test_an_assignment_cannot_make_a_namesake_pass():
    """Static analysis would take “patient” for the template's own after this, and let “patient.ssn” through."""
    message = "“patient” is the name of a value: choose another name for “assign” or “capture”."
    assert problems("{% if false %}{% assign patient = 1 %}{% endif %}{{ patient.ssn }}") == [message]


def test_a_syntax_error_names_its_line():
    assert problems("a\nb\n{{ clinic.name | }}\nc") == ["Line 3: expected word, found end of expression"]
    assert problems("a\n{% if %}{% endif %}\nc") == ["Line 2: missing expression"]
    assert problems("a\nb\n{% if patient.age %}")[0].startswith("Line 3: expected tag endif")


@pytest.mark.parametrize(
    "tag",
    [
        "{% include 'x' %}", "{% render 'x' %}", "{% liquid echo 'x' %}", "{% tablerow i in (1..2) %}{% endtablerow %}",
        "{% increment x %}", "{% cycle 'a' %}", "{% extends 'x' %}", "{% block x %}{% endblock %}", "{% nonsense %}",
    ],
)  # fmt: skip
def test_other_tags_do_not_exist(tag):
    assert problems(tag) == [f"Line 1: unexpected tag '{tag.split()[1]}'"]


@pytest.mark.parametrize("name", ["safe", "base64_decode", "concat", "sum", "uniq", "escapejs", "url_decode"])
def test_other_filters_do_not_exist(name):
    assert f"“{name}” is not known" in problems(f"{{{{ clinic.name | {name} }}}}")[0]


def test_names_cannot_be_computed():
    assert problems("{{ order.items[patient.age] }}") == [
        "Line 1: a name in square brackets must be a number or be quoted."
    ]


@pytest.mark.parametrize(
    "template", ["{{ (1..9) | join }}", "{% assign r = (1..9) %}", "{% if (1..9) contains 'x' %}{% endif %}"]
)
def test_ranges_exist_in_loops_only(template):
    assert problems(template) == ["Line 1: a range can only be used in “for”."]


def test_a_template_may_have_20000_characters():
    check("x" * 20_000, DECLARED)
    assert problems("x" * 20_001) == ["The text is longer than 20000 characters."]


# ── What it prints ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("Hello {{ patient.first_name }}!", "Hello Ada!"),
        ("{{ patient.age | plus: 1 }}", "37"),
        ("{{ order.total | times: 2 }}", "25.00"),
        ("{{ order.total | divided_by: 4 }} {{ 7 | divided_by: 2 }}", "3.125 3"),
        ("{{ order.total | minus: '0.5' }}", "12.00"),
        ("{{ order.total | round }} {{ 2.345 | round: 2 }}", "12 2.34"),
        ("{{ order.items | map: 'name' | join: ', ' }}", "Kit, Cream"),
        ("{% for i in order.items %}{{ i.name }};{% endfor %}", "Kit;Cream;"),
        ("{% for i in order.items reversed %}{{ i.name }}{% break %}{% endfor %}", "Cream"),
        ("{{ 'a-b-c' | replace: '-', '+' }} {{ 'aaa' | replace: 'a' }}", "a+b+c "),
        ("{{ visit.start | date: '%d %b %Y, %H:%M' }}", "01 Mar 2026, 09:30"),
        ("{{ visit.start | date }}", "March 1, 2026, 9:30 a.m."),
        ("{{ patient.born | date }} {{ patient.born | date: '%Y' }}", "Dec. 10, 1989 1989"),
        ("{{ '2026-03-01' | date: '%d.%m.' }}", "01.03."),
        ("{{ patient.nick | default: 'friend' }}", "friend"),
        ("{{ order.note | default: 'none' }}", "none"),
        ("{{ order.zero | default: 9 }}", "0"),
        ("{% if patient.nick %}a{% else %}b{% endif %}", "b"),
        ("{% if patient.nick == 'x' %}a{% else %}b{% endif %}", "b"),
        ("{% if patient.age > 35 and patient.first_name contains 'd' %}y{% endif %}", "y"),
        ("{{ patient.first_name.__class__ | default: '-' }}", "-"),
    ],
)  # fmt: skip
def test_render(template, shown):
    start = datetime(2026, 3, 1, 9, 30, tzinfo=ZoneInfo("America/New_York"))
    values = {
        "patient": {"first_name": "Ada", "age": 36, "nick": None, "born": date(1989, 12, 10)},
        "order": {
            "total": Decimal("12.50"),
            "items": [{"name": "Kit"}, {"name": "Cream"}],
            "note": "",
            "zero": 0,
        },
        "visit": {"start": start},
    }
    assert render(template, values) == shown


def test_dotted_names_are_unfolded():
    values = {
        "patient.first_name": "Ada",
        "patient.age": 36,
        "clinic": {"name": "North"},
        "clinic.city": "Oslo",
    }
    template = "{{ patient.first_name }} {{ patient.age }} {{ clinic.name }} {{ clinic.city }}"
    assert render(template, values) == "Ada 36 North Oslo"


@pytest.mark.parametrize("values", [{"a": 1, "a.b": 2}, {"a": {"b": 1}, "a.b": 2}])
def test_a_name_cannot_be_given_twice(values):
    with pytest.raises(TypeError):
        render("", values)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{{ patient.nick }}", "patient.nick"),
        ("{{ nobody }}", "nobody"),
        ("{{ patient.nick | upcase }}", "patient.nick"),
        ("{{ patient.nick | date: '%Y' }}", "patient.nick"),
        ("{{ patient.nick | plus: 1 }}", "patient.nick"),
        ("{{ patient.nick | join }}", "patient.nick"),
        ("{{ 'x' | append: patient.nick }}", "patient.nick"),
        ("{% for x in patient.nick %}{% endfor %}", "patient.nick"),
        ("{% assign n = patient.nick %}{{ n }}", "patient.nick"),
        ("{% for i in rows %}{{ i.nick }}{% endfor %}", "i.nick"),
        ("{{ rows[7] }}", "rows"),
    ],
)
@pytest.mark.parametrize("html", [False, True])
def test_a_value_that_is_missing_and_has_no_default_is_an_error(template, name, html):
    with pytest.raises(MissingValue) as caught:
        render(
            template, {"patient": {"first_name": "Ada", "nick": None}, "rows": [{"nick": None}]}, html=html
        )
    assert (caught.value.name, caught.value.reason_code) == (name, "missing")


def test_html_escapes_values_and_not_the_text():
    values = {"name": "<b>&\"'", "names": ["<i>", "&"]}
    template = "<p>{{ name }}</p>{{ names | join: '<br>' }} {{ name | replace: '&', '<u>' }} {{ name | append: '<hr>' }}"
    assert render(template, values, html=True) == (
        "<p>&lt;b&gt;&amp;&#34;&#39;</p>&lt;i&gt;<br>&amp; &lt;b&gt;&lt;u&gt;&#34;&#39; &lt;b&gt;&amp;&#34;&#39;<hr>"
    )
    assert render("{{ name }}", values) == "<b>&\"'"


class Colour(TextChoices):
    RED = "red", "Red"


def test_an_enumeration_counts_as_its_value():
    assert render("{{ c }}", {"c": Colour.RED}) == "red"


class Dangerous:
    def __str__(self):
        raise AssertionError("was printed")


class Loud(dict):
    pass


@pytest.mark.parametrize(
    "value",
    [
        Dangerous(),
        Dangerous,
        len,
        {1},
        (1,),
        b"x",
        Loud(),
        mark_safe("<b>"),
        Secret("x" * 20),
        {1: 2},
        [[Dangerous()]],
    ],
)
def test_only_plain_data_is_taken(value):
    with pytest.raises(TypeError, match="is not plain data"):
        render("{{ x }}", {"x": value})


def test_values_have_limits_too():
    deep: list = []
    for _ in range(11):
        deep = [deep]
    for value in ("x" * 200_001, [0] * 10_001, deep):
        with pytest.raises(RenderError) as caught:
            render("", {"x": value})
        assert caught.value.reason_code == "limit"


def test_a_value_cannot_be_shadowed_when_rendering_either():
    with pytest.raises(RenderError) as caught:
        render("{% if false %}{% assign ssn = 1 %}{% endif %}{{ ssn }}", {"ssn": "123"})
    assert caught.value.reason_code == "shadowed"


# ── What it cannot do ─────────────────────────────────────────────────────────────────────────────────────

DOUBLED = "{% assign t = 'xxxxxxxxxx' %}" + "{% assign t = t | append: t %}" * 30
BLOWN_UP = "{{ 'xxxxxxxxxx'" + " | replace: 'x', 'xxxxxxxxxx'" * 12 + " }}"
NESTED = "".join(f"{{% for {c} in (1..100) %}}" for c in "abcd") + "x" + "{% endfor %}" * 4
BUSY = "{% for i in (1..10000) %}" + "{% if 1 == 2 %}{% endif %}" * 700 + "{% endfor %}"
HEAVY = (
    "{% for i in (1..10000) %}" + "{% assign t = s | upcase | downcase | split: 'a' %}" * 300 + "{% endfor %}"
)

HOSTILE = {
    "doubling": DOUBLED,
    "replace": BLOWN_UP,
    "replace nothing": "{{ s | replace: '', s }}",
    "join": "{{ l | join: s }}",
    "capture": "{% assign c = '' %}{% for i in (1..1000) %}{% capture c %}{{ c }}{{ s }}{% endcapture %}{% endfor %}",
    "output": "{% for i in (1..100) %}{{ s }}{% endfor %}",
    "four loops": NESTED,
    "long range": "{% for i in (1..99999999999999999999) %}x{% endfor %}",
    "reversed range": "{% for i in (1..999999999) reversed limit: 3 %}x{% endfor %}",
    "offset into a range": "{% for i in (1..9999999999) offset: 9999999990 limit: 5 %}x{% endfor %}",
    "busy loop": BUSY,
    "heavy loop": HEAVY,
    "split": "{{ s | split: '' }}",
    "many variables": "".join(f"{{% assign v{n} = s | append: 'x' %}}" for n in range(100)),
    "strftime": "{{ '2026-01-01' | date: '" + "%c" * 60 + "' }}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_templates_stop_early(name):
    started = time.monotonic()
    with pytest.raises(RenderError) as caught:
        render(HOSTILE[name], {"s": "a" * 150_000, "l": ["x"] * 5_000})
    assert caught.value.reason_code == "limit"
    assert time.monotonic() - started < 2


def test_loops_are_counted_together():
    loops = "{% for i in (1..100) %}{% for j in (1..LAST) %}{% endfor %}{% endfor %}"
    assert render(loops.replace("LAST", "100"), {}) == ""
    with pytest.raises(RenderError) as caught:
        render(loops.replace("LAST", "101"), {})
    assert caught.value.reason_code == "limit"


@pytest.mark.parametrize(
    "template",
    [
        "{{ s | divided_by: 0 }}", "{{ 1 | divided_by: 0 }}", "{{ s | plus: 1 }}", "{{ '1e999999999' | round }}",
        "{{ s | date: '%Y' }}", "{{ l | sort }}", "{{ s | truncate: s }}", "{% if s > 1 %}{% endif %}", "{% break %}",
        "{{ '1' | times: '9e999999' | times: '9e999999' }}",
    ],
)  # fmt: skip
def test_failures_say_nothing_about_the_values(template):
    with pytest.raises(RenderError) as caught:
        render(template, {"s": "Ada Lovelace", "l": [1, "Ada Lovelace", {}]})
    assert caught.value.reason_code == "failed"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "Ada" not in f"{caught.value}{caught.value.message}"


@pytest.mark.parametrize(
    "template",
    [
        "{% if 1 %}" * 60,
        "{{ x" + "[x" * 3_000,
        "{{ " + "(" * 3_000,
        "{% if " + "1 and " * 3_000 + "1 %}{% endif %}",
        "{{",
        "{%",
    ],
)
def test_absurd_syntax_is_refused_quickly(template):
    started = time.monotonic()
    with contextlib.suppress(RenderError):  # some of it is harmless text to Liquid
        assert len(render(template, {})) <= len(template)
    assert time.monotonic() - started < 2


def test_attributes_and_methods_are_out_of_reach():
    for path in ("__class__", "__class__.__mro__", "format", "upper", "_meta", "items.__self__"):
        assert render(f"{{{{ x.{path} | default: 'nothing' }}}}", {"x": "text"}) == "nothing"
    for path in ("items", "keys", "get", "__len__", "pop"):
        assert render(f"{{{{ x.{path} | default: 'nothing' }}}}", {"x": {"a": 1}}) == "nothing"


# ── Subjects ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["", "Hello", "Übung · 測試"])
def test_one_line_gives_the_text_back(text):
    assert one_line(text) == text


@pytest.mark.parametrize(
    "text", ["a\nb", "a\rb", "a\r\nBcc: x", "a\n", "\n", "a\u2028b", "a\x85b", "a\x0bb", "a\0b"]
)
def test_one_line_refuses_breaks(text):
    with pytest.raises(RenderError) as caught:
        one_line(text)
    assert caught.value.reason_code == "line_break"
