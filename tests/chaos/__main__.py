"""Many faults: the tests of this folder with --chaos, in one process per core, and the table of what was survived."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.faults import FAULTS

HALVES = (
    ("test_kills.py", "test_disk.py"),
    ("test_trials.py", "test_server.py", "test_files.py", "test_images.py", "test_input.py", "test_serving.py"),
)


def main() -> int:
    here, start = Path(__file__).parent, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for number, files in enumerate(HALVES):
            table = Path(folder) / f"{number}.json"
            command = [sys.executable, "-m", "pytest", "--chaos", f"--chaos-table={table}", "-m", "slow or not slow"]
            paths = [str(here / file) for file in files]
            running.append((subprocess.Popen([*command, *paths], env=os.environ | {"OMP_NUM_THREADS": "1"}), table))
        codes = [process.wait() for process, _ in running]
        tried: dict[int, list[float]] = {}
        for _, table in running:
            for row, (count, seconds) in json.loads(table.read_text()).items():
                known = tried.setdefault(int(row), [0, 0.0])
                known[0] += count
                known[1] += seconds
    print("\n| # | fault | survived | seconds |\n|---|---|---|---|")
    for row, name in FAULTS.items():
        count, seconds = tried.get(row, (0, 0.0))
        print(f"| {row} | {name} | {count:,} | {seconds:.0f} |")
    print(
        f"\n{'all survived' if not any(codes) else 'SOME FAILED, see above'}; {(time.monotonic() - start) / 60:.0f} min"
    )
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
