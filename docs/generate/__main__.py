"""Write the pages of docs/reference/ from the code they describe.

python -m docs.generate             # write them
python -m docs.generate --check     # list those that are out of date, write nothing
"""

from __future__ import annotations

import argparse
import sys

from docs.generate.pages import FOLDER, PAGES, outdated


def main() -> int:
    """Write the pages; with ``--check``, list those that are out of date (exit status 1)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    names = outdated()
    if parser.parse_args().check:
        print("\n".join(f"docs/reference/{name} is out of date" for name in names) or "up to date")
        return 1 if names else 0
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        (FOLDER / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
