"""What can go wrong between a client and a local socket.

LocalError
├── NotRunning   nobody serves that socket
└── Refused      it answered that it cannot do that
"""

from __future__ import annotations


class LocalError(Exception):
    """The message is one line for a person."""


class NotRunning(LocalError):
    pass


class Refused(LocalError):
    pass
