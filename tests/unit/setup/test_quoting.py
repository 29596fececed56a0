"""Nothing breaks out of what an export quotes: a shell and HashiCorp's own parser read back what was meant."""

import json
import subprocess
import unicodedata

import pygohcl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nomad_token.errors import InputError
from nomad_token.setup.export.hcl import Document, Raw, block, in_module, string, value
from nomad_token.setup.export.shell import command, fed, fed_json, remark

PIECES = [
    "'",
    '"',
    "`",
    "\\",
    "$",
    "${",
    "%{",
    "$(x)",
    "}",
    "\n",
    "\t",
    "\r",
    "EOT",
    "HCL",
    "HCL_2",
    "JSON",
    " ",
    "-",
    "=",
    "a",
    "é",
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
)


def shell(script: str) -> bytes:
    """Return what a plain shell prints."""
    return subprocess.run(["/bin/sh"], input=script.encode(), stdout=subprocess.PIPE, check=True, timeout=60).stdout


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=20))
@example(["HCL\n", "a\nHCL\nHCL_2\n", "\n", "", "HCL", "'\n", "\\\n", "HCLé\n", "Hé\n", "é\n"])
def test_a_shell_hands_on_each_text_as_it_is(texts: list[str]) -> None:
    """A program's standard input is exactly the text, whatever delimiters and quotes are in it."""
    script = "\n".join(f"{fed(['cat'], text, 'HCL')}\nprintf '\\000'" for text in texts)

    assert shell(script) == b"".join(text.encode() + b"\0" for text in texts)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_a_shell_hands_on_each_word_as_it_is(words: list[str]) -> None:
    """A program's arguments are exactly the words, those of a flag with a value too."""
    flags = [f"-name={word}" for word in words]
    script = command(["printf", "%s\\000", *words, *flags])

    assert shell(script) == b"".join(word.encode() + b"\0" for word in [*words, *flags])


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(TEXTS, st.one_of(TEXTS, st.booleans(), st.integers(), st.lists(TEXTS)), max_size=5))
def test_a_body_is_json_on_the_input(body: dict[str, object]) -> None:
    """What a command reads is the body."""
    assert json.loads(shell(fed_json(["cat"], body))) == body


def test_a_nul_is_refused() -> None:
    """No shell can hand on a NUL: it is refused, not dropped."""
    with pytest.raises(InputError):
        fed(["cat"], "a\0b", "HCL")


@given(TEXTS)
def test_a_remark_stays_one(text: str) -> None:
    """Each line of a remark begins as one, whatever is in it."""
    assert all(line.startswith("# ") for line in remark(f"a {text}").split("\n"))


@given(TEXTS)
@example("$${x}")
@example("$$${x}%%{y}")
@example("\\${x}")
@example("\x00\x1b\x7f")
def test_hcl_reads_back_each_string(text: str) -> None:
    """HashiCorp's parser reads the text that was meant; it brings letters into their composed form (NFC)."""
    read = pygohcl.loads(block(["a"], {"b": text}))

    assert read == {"a": {"b": unicodedata.normalize("NFC", text)}}


@given(st.lists(TEXTS, max_size=4).map("\n".join))
@example("a\nEOT\n")
@example("a\n  EOT\n")
@example("a\n")
@example("\n")
@example("${x}\n")
@example('"\\n\\\n')
def test_hcl_reads_back_each_document(text: str) -> None:
    """So it does where the text is written in lines, in a block within a block too."""
    inner = block(["c"], {"b": Document(text), "d": 1})
    read = pygohcl.loads(block(["a"], {"b": Document(text), "d": 1}, inner))
    meant = {"b": unicodedata.normalize("NFC", text), "d": 1}

    assert read == {"a": {**meant, "c": meant}}


@given(st.dictionaries(TEXTS, TEXTS, max_size=3), st.lists(TEXTS, max_size=3), st.booleans())
def test_hcl_reads_back_objects_and_lists(object_: dict[str, str], listed: list[str], flag: bool) -> None:  # noqa: FBT001
    """Keys and values of an object, and items of a list, are what was meant."""

    def composed(text: str) -> str:
        return unicodedata.normalize("NFC", text)

    read = pygohcl.loads(block(["a"], {"o": object_, "l": listed, "f": flag}))["a"]

    assert read["o"] == {composed(name): composed(each) for name, each in object_.items()}
    assert read["l"] == list(map(composed, listed))
    assert read["f"] is flag


@given(TEXTS)
def test_a_label_is_one_word(text: str) -> None:
    """A block's label is quoted as a string is."""
    assert pygohcl.loads(block(["a", "b"], {"c": text}))["a"] == {"b": {"c": unicodedata.normalize("NFC", text)}}


def test_expressions_are_left_as_they_are() -> None:
    """A reference and a function's call are no strings; a file is looked for in the module, or from the root."""
    assert value([Raw("a.b.c")]) == "[a.b.c]"
    assert in_module("k.pem").text == 'file("${path.module}/k.pem")'
    assert in_module("/etc/${k}.pem").text == f"file({string('/etc/${k}.pem')})"
