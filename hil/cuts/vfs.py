"""Writes down what Python's own SQLite does to the files of a database.

SQLite reaches files through a table of functions (a VFS). For as long as a `Recorder` is entered, the default table of the very library
that the `sqlite3` module uses is a copy of the real one, in which opening, removing, writing, truncating and syncing are noted and then
done as ever. So the store under test runs unchanged. See https://sqlite.org/vfs.html; the shapes are those of sqlite3.h.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import sys
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path
from typing import Any

from hil.cuts.disk import Created, DirectorySynced, Operation, Promised, Removed, Synced, Truncated, Written

_NAME = b"recorder"
_OK = 0

_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
_Delete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_SetSystemCall = CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)
_GetSystemCall = CFUNCTYPE(c_void_p, c_void_p, c_char_p)
_OpenDirectory = CFUNCTYPE(c_int, c_char_p, POINTER(c_int))
_Close = CFUNCTYPE(c_int, c_void_p)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", c_int),
        ("file_bytes", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", _Open),
        ("delete", _Delete),
        *((name, c_void_p) for name in ("access", "full_path", "dl_open", "dl_error", "dl_sym", "dl_close")),
        *((name, c_void_p) for name in ("randomness", "sleep", "current_time", "last_error", "current_time_64")),
        ("set_system_call", _SetSystemCall),
        ("get_system_call", _GetSystemCall),
        ("next_system_call", c_void_p),
    )


class _Methods(ctypes.Structure):
    """Of one open file; a file begins with a pointer to them."""

    _fields_ = (
        ("version", c_int),
        ("close", _Close),
        ("read", c_void_p),
        ("write", _Write),
        ("truncate", _Truncate),
        ("sync", _Sync),
        *((name, c_void_p) for name in ("file_size", "lock", "unlock", "check_lock", "control", "sector", "traits")),
        *((name, c_void_p) for name in ("shm_map", "shm_lock", "shm_barrier", "shm_unmap", "fetch", "unfetch")),
    )


class Unwatchable(Exception):
    """This Python's SQLite does not show its functions. One line, for a person."""


class Recorder:
    """directory: what happens to files elsewhere is not written down. `operations` grows while it is entered; close every connection before it
    is left. One at a time. Raises Unwatchable.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory.resolve())
        self.operations: list[Operation] = []
        self._library = _sqlite()
        self._real = _Vfs.from_address(self._library.sqlite3_vfs_find(None))
        self._ours = _Vfs.from_buffer_copy(self._real)
        self._ours.name = _NAME
        self._ours.open = _Open(self._open)
        self._ours.delete = _Delete(self._delete)
        self._real_open_directory = _OpenDirectory(self._real.get_system_call(self._at(self._real), b"openDirectory"))
        self._open_directory_too = _OpenDirectory(self._open_directory)
        self._names: dict[int, str] = {}  # of open files, by address
        self._methods: dict[int, _Methods] = {}  # ours, by the address of the real ones

    def __enter__(self) -> Recorder:
        self._library.sqlite3_vfs_register(self._at(self._ours), 1)
        self._set_open_directory(ctypes.cast(self._open_directory_too, c_void_p).value)
        return self

    def __exit__(self, *_: object) -> None:
        self._set_open_directory(None)
        self._library.sqlite3_vfs_register(self._at(self._real), 1)
        self._library.sqlite3_vfs_unregister(self._at(self._ours))
        if self._names:
            raise RuntimeError(f"still open: {', '.join(sorted(self._names.values()))}")

    def promised(self, what: str) -> None:
        self.operations.append(Promised(what))

    def _set_open_directory(self, function: int | None) -> None:
        """The only sign of a directory's sync that SQLite gives is that it opens the directory: it does so for nothing else."""
        self._real.set_system_call(self._at(self._real), b"openDirectory", function)

    def _open(self, vfs: int, path: int | None, file: int, flags: int, out: Any) -> int:
        name = self._name(ctypes.string_at(path) if path else None)
        is_new = name is not None and not os.path.exists(os.path.join(self._directory, name))
        result: int = self._real.open(vfs, path, file, flags, out)
        if result == _OK and name is not None:
            if is_new:
                self.operations.append(Created(name))
            self._names[file] = name
            methods = c_void_p.from_address(file)
            assert methods.value is not None
            methods.value = ctypes.addressof(self._noting(methods.value))
        return result

    def _delete(self, vfs: int, path: bytes, sync_directory: int) -> int:
        name = self._name(path)
        was_there, at = os.path.exists(path), len(self.operations)
        result: int = self._real.delete(vfs, path, sync_directory)
        if result == _OK and name is not None and was_there:
            self.operations.insert(at, Removed(name))  # before the sync of its directory
        return result

    def _open_directory(self, path: bytes, descriptor: Any) -> int:
        result: int = self._real_open_directory(path, descriptor)
        if result == _OK and self._name(path) is not None:  # it is told a file in the directory
            self.operations.append(DirectorySynced())
        return result

    def _noting(self, address: int) -> _Methods:
        """Return the methods of a file that note and then do what those at this address do."""
        if address not in self._methods:
            real = _Methods.from_address(address)
            ours = _Methods.from_buffer_copy(real)

            def close(file: int) -> int:
                del self._names[file]
                result: int = real.close(file)
                return result

            def write(file: int, data: int, size: int, offset: int) -> int:
                self.operations.append(Written(self._names[file], offset, ctypes.string_at(data, size)))
                result: int = real.write(file, data, size, offset)
                return result

            def truncate(file: int, size: int) -> int:
                self.operations.append(Truncated(self._names[file], size))
                result: int = real.truncate(file, size)
                return result

            def sync(file: int, flags: int) -> int:
                at = len(self.operations)
                result: int = real.sync(file, flags)
                self.operations.insert(at, Synced(self._names[file]))  # before the sync of its directory
                return result

            ours.close, ours.write = _Close(close), _Write(write)
            ours.truncate, ours.sync = _Truncate(truncate), _Sync(sync)
            self._methods[address] = ours
        return self._methods[address]

    def _name(self, path: bytes | None) -> str | None:
        """Return the plain name of a file in the directory, None for any other."""
        directory, name = os.path.split(os.fsdecode(path)) if path else ("", "")
        return name if directory == self._directory else None

    @staticmethod
    def _at(vfs: _Vfs) -> int:
        return ctypes.addressof(vfs)


def _sqlite() -> ctypes.CDLL:
    """Return the library that the `sqlite3` module itself uses: found through the module, never a second one."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    if not hasattr(library, "sqlite3_vfs_find"):
        raise Unwatchable(f"{sys.executable} has SQLite built in; to watch it, use a Python with a shared libsqlite3")
    library.sqlite3_vfs_find.argtypes, library.sqlite3_vfs_find.restype = [c_char_p], c_void_p
    library.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
    library.sqlite3_vfs_unregister.argtypes = [c_void_p]
    return library
