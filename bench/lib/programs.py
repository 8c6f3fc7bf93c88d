"""Our own load generators: where the build puts them."""

import os
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build" / "release"


def find_program(name, directory=None):
    """The executable `name` of the build, or the one in `directory`."""
    for place in [Path(directory)] if directory else [BUILD, BUILD / "bench"]:
        path = place / name
        if path.is_file() and os.access(path, os.X_OK):
            return path.resolve()
    raise FileNotFoundError(f"{name} is not built: build the target {name}, or say where it is with --programs")
