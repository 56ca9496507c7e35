"""A program of its own that reads a DS18B20 for `w1.py`, because a kernel read waits for the conversion (750 ms at 12 bits).

    python w1_reader.py ROOT SENSOR PAUSE_S

SENSOR: its name as `ls ROOT` shows it, or empty for the only one. Writes a line for each look, and ends when nobody takes them:

    AT_S read NAME CONTENT      what w1_slave gave, its lines joined by |; AT_S: monotonic time before the conversion
    AT_S failed NAME PROBLEM    the read failed
    AT_S found NAMES            not one sensor, but none or several
"""

import os
import sys
import time

FAMILY = "28-"  # DS18B20
MOST_BYTES = 1024


def look(root: str, sensor: str) -> str:
    """Return what a look gives, without its time."""
    names = [sensor]
    if not sensor:
        try:
            names = sorted(name for name in os.listdir(root) if name.startswith(FAMILY))
        except OSError:
            names = []
    if len(names) != 1:
        return " ".join(["found", *names[:10]])
    [name] = names
    try:
        descriptor = os.open(f"{root}/{name}/w1_slave", os.O_RDONLY | os.O_CLOEXEC)
        try:
            content = os.read(descriptor, MOST_BYTES)
        finally:
            os.close(descriptor)
    except OSError as error:
        return f"failed {name} {error.strerror}"
    return f"read {name} {'|'.join(content.decode('ascii', 'replace').splitlines())}"


def main(root: str, sensor: str, pause_s: float) -> None:
    os.closerange(3, 1024)  # nothing of the parent's may be held open by this process, least of all a GPIO line
    while True:
        at_s = time.monotonic()
        try:
            os.write(1, f"{at_s:.6f} {look(root, sensor)}\n".encode("ascii", "replace"))
        except OSError:
            return
        time.sleep(pause_s)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
