from __future__ import annotations

from pathlib import Path

import pytest

from tests.foreign.node_peer import NoPeer, install


@pytest.fixture(scope="session")
def peer_directory() -> Path:
    """The installed foreign CSMS; tests are skipped where it cannot be had."""
    try:
        return install()
    except NoPeer as why:
        pytest.skip(str(why))
