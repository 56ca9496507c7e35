"""What the emulated computer is booted with: archive, modules, table, script and command line."""

from __future__ import annotations

import lzma
import shutil
import stat
import struct
import subprocess
from pathlib import Path

import pytest

from hil.kernel.acpi import Chip, table
from hil.kernel.cpio import Entry, archive
from hil.kernel.image import init_script, initramfs
from hil.kernel.machine import Files, command
from hil.kernel.modules import MissingModule, Modules, load_order, needs_of
from hil.kernel.wiring import GPIO_CHIP, MEMORY_MB, PWM_CHIP, REGISTERS_BASE, REGISTERS_SIZE

FILES = Files(Path("/k/vmlinuz"), Path("/k/initramfs"), Path("/k/chips.aml"), Path("/tmp/s"))


def unpacked(data: bytes) -> dict[str, tuple[int, bytes, tuple[int, int]]]:
    """Read an archive as the kernel does. Returns name -> mode, content, device."""
    found, at = {}, 0
    while True:
        assert data[at : at + 6] == b"070701" and at % 4 == 0
        fields = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        size, name_size = fields[6], fields[11]
        name = data[at + 110 : at + 110 + name_size - 1].decode()
        assert data[at + 110 + name_size - 1] == 0
        at += (110 + name_size + 3) // 4 * 4
        if name == "TRAILER!!!":
            assert at == len(data)
            return found
        found[name] = (fields[1], data[at : at + size], (fields[9], fields[10]))
        at += (size + 3) // 4 * 4


def test_an_archive_holds_files_directories_and_nodes_parents_first() -> None:
    whole = archive([Entry.file("a/b/c.ko", b"12345", 0o755), Entry.node("dev/console", 5, 1), Entry.file("z", b"")])
    found = unpacked(whole)
    assert list(found) == ["a", "a/b", "a/b/c.ko", "dev", "dev/console", "z"]
    assert found["a/b/c.ko"] == (stat.S_IFREG | 0o755, b"12345", (0, 0))
    assert found["dev/console"] == (stat.S_IFCHR | 0o600, b"", (5, 1))
    assert stat.S_ISDIR(found["a"][0])


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
def test_cpio_itself_reads_the_archive() -> None:
    whole = archive([Entry.file("bin/x", b"abc"), Entry.directory("proc")])
    listed = subprocess.run(["cpio", "-it"], input=whole, capture_output=True, check=True).stdout
    assert listed.decode().split() == ["bin", "bin/x", "proc"]


@pytest.mark.parametrize(
    ("wanted", "order"),
    [
        (["9p"], ["9pnet", "netfs", "9p"]),
        (["9p", "9pnet_virtio"], ["9pnet", "netfs", "9p", "virtio_ring", "9pnet_virtio"]),
        (["i2c_dev", "i2c_dev"], ["i2c_dev"]),
        (["gpio_amdpt"], ["gpio_amdpt"]),
    ],
)
def test_modules_are_loaded_after_what_they_need_and_built_in_ones_not_at_all(
    wanted: list[str], order: list[str]
) -> None:
    needs = {"9p": ["9pnet", "netfs"], "9pnet_virtio": ["virtio_ring", "9pnet"], "gpio_amdpt": ["gpio_generic"]}
    assert load_order(wanted, lambda name: needs.get(name, []), {"gpio_generic"}) == order


@pytest.mark.parametrize(
    ("content", "needs"),
    [
        (b"\x7fELF\0license=GPL\0depends=virtio,9pnet,virtio-ring\0name=x\0", ("virtio", "9pnet", "virtio_ring")),
        (b"\x7fELF\0depends=\0", ()),
        (b"\x7fELF\0softdepends=a\0", ()),
    ],
)
def test_a_module_says_what_it_needs(content: bytes, needs: tuple[str, ...]) -> None:
    assert needs_of(content) == needs


def test_modules_are_found_by_the_kernels_spelling_packed_or_not(tmp_path: Path) -> None:
    directory = tmp_path / "6.1.0-56-amd64"
    (directory / "kernel").mkdir(parents=True)
    (directory / "kernel" / "i2c-dev.ko").write_bytes(b"plain\0depends=\0")
    (directory / "kernel" / "9p.ko.xz").write_bytes(lzma.compress(b"packed\0depends=i2c-dev,virtio\0"))
    (directory / "modules.builtin").write_text("kernel/drivers/virtio/virtio.ko\n")
    modules = Modules(directory)
    assert modules.content("9p").startswith(b"packed")
    assert modules.load_order(["9p"]) == ["i2c_dev", "9p"]
    with pytest.raises(MissingModule, match=r"kernel 6\.1\.0-56-amd64 has no module gpio_amdpt; try another"):
        modules.load_order(["gpio_amdpt"])


def test_the_table_is_whole_and_names_each_chip_with_its_memory() -> None:
    data = table([Chip("GPIO", "AMDIF031", 0x2F000000, 0x100), PWM_CHIP])
    assert data[:4] == b"SSDT" and struct.unpack_from("<I", data, 4)[0] == len(data)
    assert sum(data) & 0xFF == 0
    # Memory32Fixed, read-write: tag, length 9, then base and size (ACPI 6.4, 6.4.3.4).
    assert b"\x08_HID\x0dAMDIF031\0" in data
    assert b"\x86\x09\x00\x01" + struct.pack("<II", 0x2F000000, 0x100) + b"\x79\x00" in data
    # The scope's length counts itself and all that follows (20.2.4): two bytes, low nibble first.
    assert data[36] == 0x10 and (data[37] & 0xF | data[38] << 4) == len(data) - 37


def test_the_chips_lie_in_the_memory_that_is_taken_from_the_kernel() -> None:
    for chip in (GPIO_CHIP, PWM_CHIP):
        assert chip.base >= REGISTERS_BASE and chip.base + chip.size <= REGISTERS_BASE + REGISTERS_SIZE
    assert REGISTERS_BASE + REGISTERS_SIZE <= MEMORY_MB << 20
    assert GPIO_CHIP.base + GPIO_CHIP.size <= PWM_CHIP.base


def test_the_script_loads_in_order_with_parameters_and_runs_the_command_quoted() -> None:
    script = init_script(["virtio", "i2c_stub"], {"i2c_stub": "chip_addr=0x48"}, ["/usr/bin/env", "A=b c", "python"])
    lines = script.splitlines()
    assert lines[0] == "#!/bin/busybox sh"
    first = lines.index("insmod /modules/virtio.ko")
    assert lines[first + 1] == "insmod /modules/i2c_stub.ko chip_addr=0x48"
    assert "chroot /host /usr/bin/env 'A=b c' python" in lines[first:]
    found = unpacked(initramfs(b"box", {"virtio": b"ko"}, script))
    assert found["modules/virtio.ko"][1] == b"ko" and found["bin/busybox"][0] & 0o111
    assert found["init"][1].decode() == script and found["init"][0] & 0o111


def test_the_command_line_reserves_the_registers_and_shares_files_read_only() -> None:
    words = command("qemu", FILES)
    assert f"memmap={REGISTERS_SIZE:#x}${REGISTERS_BASE:#x}" in words[words.index("-append") + 1]
    assert "readonly=on" in words[words.index("-virtfs") + 1]
    assert words[words.index("-m") + 1] == f"{MEMORY_MB}M"
    servers = [word for word in words if word.startswith("socket,") and "server=on" in word]
    assert len(servers) == 2
