"""What can go wrong with the store, drawn as a tree.

StoreError
├── StoreUnusable        nothing was touched; the text says what to do
│   └── NewerSchema      written by a newer program
├── StorageFull          the change was refused whole; what is already stored stays as it was
└── UnknownRecord        a transaction or queue position that does not exist (a mistake of the caller)
"""

from __future__ import annotations


class StoreError(Exception):
    """Something about the store; the text is one line."""


class StoreUnusable(StoreError):
    """The store cannot be opened here."""


class NewerSchema(StoreUnusable):
    """The database was written by a newer program."""


class StorageFull(StoreError):
    """There is no room on the card or within the store's quota."""


class UnknownRecord(StoreError):
    """No such transaction, or no such waiting position."""
