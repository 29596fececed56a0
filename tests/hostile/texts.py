"""Text as a hostile server writes it, for hypothesis to draw."""

from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

PIECES: Final = (
    *("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\t", " ", "\u00a0", "\u3000"),
    *("::set-output name=token::y", "::add-mask::a", "::stop-commands::x", "::error::z", "::debug::", "::", ":", "##["),
    *("##[set-env name=X]y", "##[command]rm -rf /", "#", "[", "]", "%0A", "%0D%0A::warning::z", "%25", "%"),
    *("\x1b[31m", "\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\x00", "\x08", "\x7f"),
    *("\u202e", "\u2066", "\u200b", "\u200f", "\ufeff", "\u00ad", "\U000e0041", "\ue000", "\ud800", "\udfff", "\uffff"),
    *("$(reboot)", "`id`", "${HOME}", "$HOME", "'", '"', "\\", ";", "&&", "|", "\\'", "'\"'\"'", "!!", "*", "~"),
    *("ghadelimiter_", "EOF", "NAME<<EOF", "NAME=value", "<<", "=", "export A=1", "#c"),
    *("section_start:1:x[collapsed=true]\r\x1b[0K", "section_end:1:x\r\x1b[0K", "\x1b[0K"),
    *("```", "~~~", "````", "`", "<script>alert(1)</script>", "![x](http://evil.test/x)", "</details>", "| a | b |"),
    *("not found", "permission denied", "audience", "1 error occurred:\n\t* ", "Unexpected response code: 403 (", ")"),
    *("\ufffd", "größe", "名", "\U0001f600"),
)
"""What means something to somebody on the way: the runner, a terminal, a shell, GitLab, Markdown, and our own rules."""

_SHORT: Final = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=8).map("".join)
LONG: Final = st.builds(lambda text, times: text * times, _SHORT, st.sampled_from([20, 200]))
TEXTS: Final = st.one_of(_SHORT, _SHORT, LONG)
HUGE: Final = tuple(piece * (10_000_000 // len(piece)) for piece in ("::set-output name=a::b\n", "\x1b[31m\u202e", "x"))
"""10 MB each."""
ENCODABLE: Final = TEXTS.filter(lambda text: not any("\ud800" <= char <= "\udfff" for char in text))


def drawn(examples: int) -> settings:
    """Draw the same *examples* in each run, on a machine that may be busy."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
