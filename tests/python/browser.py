"""A headless Chromium that looks at a page on disk; what the page logs and measures comes back as text."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
NO_BROWSER = "there is no Chromium to look at the page with"


@dataclass(frozen=True)
class Look:
    """What the scripts on the page posted, each its own, the lines of the console, and a picture."""

    posted: tuple[str, ...]
    console: tuple[str, ...]
    picture: Path


def look_at(page: str, scripts: Sequence[tuple[int, str]], folder: Path) -> Look:
    """Open a page in a window per width and run its script (an expression) in it once it is loaded.

    The pages stand in frames, since a headless window is not narrower than 500 pixels; one browser, which takes
    seconds to start, holds them all.
    """
    frames = ""
    for number, (width, script) in enumerate(scripts):
        post = f"<script>addEventListener('load', () => parent.postMessage([{number}, String({script})], '*'))</script>"
        (folder / f"page_{number}.html").write_text(page.replace("</body>", f"{post}</body>"), encoding="utf-8")
        frames += f'<iframe src="page_{number}.html" width="{width}" height="3000"></iframe>\n'
    (folder / "frame.html").write_text(
        f"""<!doctype html><style>body {{ margin: 0 }} iframe {{ border: 0; display: block }}</style>
        <script>
          const posted = {{}};
          addEventListener("message", event => {{
            posted[event.data[0]] = event.data[1];
            document.title = JSON.stringify(posted);
          }});
        </script>
        {frames}""",
        encoding="utf-8",
    )
    picture = folder / "page.png"
    widest = max(width for width, _ in scripts)
    seen = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}"),
            *(f"--window-size={max(widest, 500)},3000", "--virtual-time-budget=3000"),
            *(f"--screenshot={picture}", "--dump-dom", (folder / "frame.html").as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (title,) = re.findall(r"<title>(.*?)</title>", seen.stdout, flags=re.DOTALL)
    posted = json.loads(unescape(title))
    console = tuple(line for line in seen.stderr.splitlines() if ":CONSOLE" in line)
    return Look(tuple(posted[str(number)] for number in range(len(scripts))), console, picture)
