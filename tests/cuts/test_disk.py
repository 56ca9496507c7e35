"""What a disk may hold after a cut: what was synced always, anything else perhaps."""

from __future__ import annotations

from random import Random

from hil.cuts.disk import (
    Created,
    DirectorySynced,
    Disk,
    Image,
    Operation,
    Promised,
    Removed,
    Synced,
    Traffic,
    Truncated,
    Written,
    traffic,
)

OLD = b"a" * 1024


def after(files: Image, *operations: Operation, seed: int = 0) -> list[Image]:
    disk = Disk(files)
    for operation in operations:
        disk.apply(operation)
    return list(disk.images(Random(seed), 10_000))


def test_what_was_synced_is_there_in_every_image() -> None:
    found = after({"f": OLD}, Written("f", 512, b"b" * 512), Synced("f"), Written("f", 0, b"c"))
    assert {image["f"][512:] for image in found} == {b"b" * 512}
    assert {image["f"][:1] for image in found} == {b"a", b"c"}


def test_writes_that_were_not_synced_come_in_any_part_and_the_later_of_one_place_wins() -> None:
    found = after({"f": OLD}, Written("f", 0, b"1"), Written("f", 1, b"2"), Written("f", 0, b"3"))
    assert {image["f"][:2] for image in found} == {b"aa", b"1a", b"a2", b"12", b"3a", b"32"}


def test_a_write_is_torn_at_sectors_and_nowhere_else() -> None:
    found = [image for seed in range(20) for image in after({"f": OLD}, Written("f", 100, b"b" * 800), seed=seed)]
    parts = {(image["f"][100:512], image["f"][512:900]) for image in found}
    assert parts == {(first * 412, second * 388) for first in (b"a", b"b") for second in (b"a", b"b")}
    assert {image["f"][:100] + image["f"][900:] for image in found} == {b"a" * 224}


def test_a_file_may_have_grown_without_its_data() -> None:
    found = after({"f": b"a"}, Written("f", 1, b"bb"))
    assert {image["f"] for image in found} == {b"a", b"a\0\0", b"abb"}


def test_a_truncation_is_one_more_change() -> None:
    found = after({"f": b"abcd"}, Truncated("f", 1), Written("f", 2, b"z"))
    assert {image["f"] for image in found} == {b"abcd", b"a", b"a\0z", b"abzd", b"a\0\0"}


def test_a_name_is_sure_only_once_its_directory_was_synced() -> None:
    new = (Created("f"), Written("f", 0, b"x"), Synced("f"))
    assert {image.get("f") for image in after({}, *new)} == {None, b"x"}
    assert after({}, *new, DirectorySynced()) == [{"f": b"x"}]


def test_a_file_removed_may_be_back_with_what_it_held() -> None:
    assert {image.get("f") for image in after({"f": OLD}, Removed("f"))} == {None, OLD}
    assert after({"f": OLD}, Removed("f"), DirectorySynced()) == [{}]
    again = after({"f": OLD}, Removed("f"), Created("f"), Written("f", 0, b"x"), Synced("f"))
    assert {image.get("f") for image in again} == {None, OLD, b"x"}


def test_bytes_blocks_and_flushes_are_counted_as_a_disk_has_them() -> None:
    operations: list[Operation] = [
        Created("f"),
        Written("f", 0, b"x" * 10),
        Written("f", 4090, b"x" * 10),  # over the edge of a block
        Written("f", 5, b"y"),
        Promised("something"),
        Synced("f"),
        DirectorySynced(),
        Written("f", 0, b"z"),
    ]
    assert traffic(operations) == Traffic(written_bytes=22, block_bytes=3 * 4096, flushes=2)
