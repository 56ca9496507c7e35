"""The first root file system: a shell script that loads modules and goes on in the host's own files, shared read-only."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

from hil.kernel.cpio import Entry, archive


def initramfs(busybox: bytes, modules: Mapping[str, bytes], script: str) -> bytes:
    """Return the archive: busybox, modules by name, and the script as `init`."""
    return archive(
        [
            Entry.node("dev/console", 5, 1),
            *(Entry.directory(name) for name in ("proc", "sys", "host")),
            *(Entry.file(f"modules/{name}.ko", content) for name, content in modules.items()),
            Entry.file("bin/busybox", busybox, 0o755),
            Entry.file("init", script.encode(), 0o755),
        ]
    )


def init_script(order: Iterable[str], parameters: Mapping[str, str], command: Sequence[str]) -> str:
    """Return the script that loads the modules in this order runs the command in the host's files, and powers off."""
    loads = "\n".join(f"insmod /modules/{name}.ko {parameters.get(name, '')}".rstrip() for name in order)
    return f"""#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
{loads}
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 host /host
mount -t proc proc /host/proc
mount -t sysfs sys /host/sys
mount -t debugfs debug /host/sys/kernel/debug
mount -t devtmpfs dev /host/dev
mkdir /host/dev/shm
mount -t tmpfs shm /host/dev/shm
mount -t tmpfs run /host/run
chroot /host {shlex.join(command)}
sleep 1
echo o >/proc/sysrq-trigger
sleep 60
"""
