"""A headless Chromium that looks at a page on disk; what the page logs and measures comes back as text."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
NO_BROWSER = "there is no Chromium to look at the page with"


@dataclass(frozen=True)
class Look:
    """What a script on the page posted, the lines of its console, and a picture."""

    posted: str
    console: tuple[str, ...]
    picture: Path


def look_at(page: str, width: int, script: str, folder: Path) -> Look:
    """Open a page in a window of a width and run `script` (an expression) in it once it is loaded.

    The page stands in a frame, since a headless window is not narrower than 500 pixels.
    """
    post = f"<script>addEventListener('load', () => parent.postMessage(String({script}), '*'))</script>"
    (folder / "page.html").write_text(page.replace("</body>", f"{post}</body>"), encoding="utf-8")
    (folder / "frame.html").write_text(
        f"""<!doctype html><style>body {{ margin: 0 }} iframe {{ border: 0 }}</style>
        <script>addEventListener("message", event => document.title = event.data)</script>
        <iframe src="page.html" width="{width}" height="3000"></iframe>""",
        encoding="utf-8",
    )
    picture = folder / "page.png"
    seen = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}"),
            *(f"--window-size={max(width, 500)},3000", "--virtual-time-budget=3000"),
            *(f"--screenshot={picture}", "--dump-dom", (folder / "frame.html").as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (posted,) = re.findall(r"<title>(.*?)</title>", seen.stdout, flags=re.DOTALL)
    console = tuple(line for line in seen.stderr.splitlines() if ":CONSOLE" in line)
    return Look(posted, console, picture)
