"""How long and how much memory it takes to generate, write and load a large fleet; printed as measured.

    python benchmarks/fleet_load.py [IMAGES]

Each step runs in a process of its own, whose peak is the kernel's own count (getrusage).
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from local_cloud.engine.catalog import Catalog  # noqa: E402 -- runs without being installed
from local_cloud.fleet.export import load_fleet  # noqa: E402
from local_cloud.fleet.generator import generate_fleet  # noqa: E402
from local_cloud.fleet.write import write_fleet  # noqa: E402

NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
OWNER, REGION = "123456789012", "us-east-1"
LOAD_SECONDS, LOAD_GIB = 20, 1.5
"""What loading 100,000 images may take."""


def say(text: str) -> None:
    print(text)  # noqa: T201 -- a benchmark prints


def make(path: Path, images: int) -> None:
    start = time.perf_counter()
    fleet = generate_fleet(images, 1, now=NOW, owner_id=OWNER, region=REGION)
    generated = time.perf_counter()
    write_fleet(fleet, path)
    written = time.perf_counter()
    say(f"generate {images:,} images, {len(fleet.snapshots):,} snapshots: {generated - start:.1f} s")
    say(f"write {path.stat().st_size / 2**20:,.0f} MiB: {written - generated:.1f} s, {_peak()}")


def load(path: Path) -> None:
    start = time.perf_counter()
    fleet = load_fleet(path, owner_id=OWNER)
    loaded = time.perf_counter()
    fleet.add_to(Catalog(), REGION)
    added = time.perf_counter()
    say(
        f"load {len(fleet.images):,} images: {loaded - start:.1f} s, into the catalog {added - loaded:.1f} s, {_peak()}"
    )
    say(f"allowed for 100,000: {LOAD_SECONDS} s and {LOAD_GIB} GiB")


def _peak() -> str:
    return f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB"


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["make"]:
        make(Path(arguments[1]), int(arguments[2]))
    elif arguments[:1] == ["load"]:
        load(Path(arguments[1]))
    else:
        images = arguments[0] if arguments else "100000"
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "fleet.json")
            for step in (["make", path, images], ["load", path]):
                subprocess.run([sys.executable, __file__, *step], check=True)  # noqa: S603 -- ourselves


if __name__ == "__main__":
    main(sys.argv[1:])
