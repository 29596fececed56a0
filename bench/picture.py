"""The demo as it looks in a terminal: `python3 dev.py picture` writes docs/demo.svg."""

import io
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

PICTURE: Final = Path(__file__).parents[1] / "docs" / "demo.svg"
COMMAND: Final = "python3 dev.py demo"
_COLUMNS: Final = 124
_THEME: Final = TerminalTheme(
    (22, 27, 34),
    (230, 237, 243),
    [
        *[(72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34)],
        *[(88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196)],
    ],
)
# Rich's own frame loads a font from elsewhere; what it knows of the width of letters holds for any of these.
_FRAME: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"
  aria-label="What python3 dev.py demo prints">
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  line-height: {line_height}px; }}
.{unique_id}-title {{ font: 18px "DejaVu Sans", sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def printed() -> str:
    """Return what the demo prints to a terminal, colours and all."""
    program = Path(sysconfig.get_path("scripts"), "nomad-token")
    environ = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(_COLUMNS)}
    done = subprocess.run([program, "demo"], env=environ, capture_output=True, text=True, check=True)
    return done.stdout


def drawn(text: str) -> str:
    """Draw a terminal in which *text* was printed, its longer lines folded."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(text.rstrip()))
    picture = console.export_svg(title=COMMAND, theme=_THEME, code_format=_FRAME, unique_id="demo")
    return "".join(f"{line.rstrip()}\n" for line in picture.splitlines())


if __name__ == "__main__":
    PICTURE.write_text(drawn(printed()), "utf-8")
    print(f"written: {PICTURE.name}")
