"""The database's shape, as numbered migrations. `PRAGMA user_version` is the number of those applied.

Facts and deliveries are kept apart. `events` is appended to and otherwise left alone; the message made of an event is a
row of `messages`, appended when it is frozen; how far delivery has come is a mark per stream, so that an
acknowledgement rewrites one small row and nothing is deleted. A stream is what must stay in order: one transaction, or
the meter values outside any. Only what was not simply delivered has a row in `outcomes`.

Positions are chronological and never used twice: whatever is deleted, the newest event stays. Deleted are only updates
that were knowingly dropped before they were encoded (E12.FR.04): their `outcomes` row stays and accounts for the gap in seqNo; and, where
room is short, the oldest transactions of which everything was delivered (see `pruning`). After a damage (see `salvage`) what was lost is marked likewise, and `meta` tells the position that the next one must be above.
"""

from __future__ import annotations

APPLICATION_ID = 0x50494C4F  # "PILO"
PAGE_BYTES = 1024
ARCHIVE_TABLES = frozenset({"events", "messages"})  # only added to, and nearly all of a large database

_FIRST = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # One row for each start of the station, in order; several share the boot_id of one boot of the machine.
    """CREATE TABLE boots (
        number INTEGER PRIMARY KEY, boot_id TEXT NOT NULL, reason TEXT NOT NULL, started TEXT NOT NULL)""",
    # The first trusted stamp of each boot: it mends the untrusted ones of the same boot.
    "CREATE TABLE clocks (boot_id TEXT PRIMARY KEY, learned TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE sessions (id TEXT PRIMARY KEY, evse_id INTEGER, opened TEXT NOT NULL, closed TEXT)",
    """CREATE TABLE charging_records (
        id TEXT PRIMARY KEY, session_id TEXT NOT NULL, evse_id INTEGER NOT NULL, body TEXT NOT NULL)""",
    # Hot and small: changes with every event, message and answer. transaction_id NULL: meter values outside any.
    """CREATE TABLE streams (
        id INTEGER PRIMARY KEY, transaction_id TEXT UNIQUE, protocol TEXT NOT NULL, csms TEXT NOT NULL,
        first_position INTEGER NOT NULL DEFAULT 0, last_position INTEGER NOT NULL DEFAULT 0,
        settled_through INTEGER NOT NULL DEFAULT 0, frozen_through INTEGER NOT NULL DEFAULT 0,
        last_seq_no INTEGER NOT NULL DEFAULT -1, waiting INTEGER NOT NULL DEFAULT 0,
        ended INTEGER NOT NULL DEFAULT 0, closed INTEGER NOT NULL DEFAULT 0,
        last_register_wh INTEGER, last_stamp TEXT, charging_state TEXT)""",
    "CREATE INDEX live_streams ON streams (id) WHERE closed = 0",
    # Cold: what a transaction is. Changes when its EVSE, token or wire id becomes known, and when it ends.
    """CREATE TABLE transactions (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, stream INTEGER NOT NULL REFERENCES streams,
        evse_id INTEGER, connector_id INTEGER, id_token TEXT, group_token TEXT, started TEXT NOT NULL,
        start_register_wh INTEGER, remote_start_id INTEGER, wire_id INTEGER, plug_run_id TEXT, plug_count INTEGER,
        ended TEXT, stopped_reason TEXT)""",
    "CREATE INDEX open_transactions ON transactions (number) WHERE ended IS NULL",
    "CREATE INDEX transaction_wire_ids ON transactions (wire_id) WHERE wire_id IS NOT NULL",
    """CREATE TABLE session_transactions (
        transaction_id TEXT NOT NULL, session_id TEXT NOT NULL, PRIMARY KEY (transaction_id, session_id))""",
    """CREATE TABLE record_transactions (
        transaction_id TEXT NOT NULL, record_id TEXT NOT NULL, PRIMARY KEY (transaction_id, record_id))""",
    """CREATE TABLE events (
        position INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES streams, kind TEXT NOT NULL,
        may_drop INTEGER NOT NULL, body TEXT NOT NULL)""",
    """CREATE TABLE messages (
        position INTEGER PRIMARY KEY, protocol TEXT NOT NULL, action TEXT NOT NULL, payload TEXT NOT NULL,
        seq_no INTEGER)""",
    """CREATE TABLE outcomes (
        position INTEGER PRIMARY KEY, stream INTEGER NOT NULL, fate TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, unanswered INTEGER NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '',
        at TEXT NOT NULL)""",
    """CREATE TABLE variables (
        key TEXT PRIMARY KEY, value TEXT NOT NULL, source TEXT NOT NULL, at TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE profiles (
        evse_id INTEGER NOT NULL, profile_id INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (evse_id, profile_id))""",
    """CREATE TABLE availability (
        evse_id INTEGER NOT NULL, connector_id INTEGER NOT NULL, operative INTEGER NOT NULL,
        PRIMARY KEY (evse_id, connector_id)) WITHOUT ROWID""",
    """CREATE TABLE reported_status (
        evse_id INTEGER NOT NULL, connector_id INTEGER NOT NULL, status TEXT NOT NULL,
        PRIMARY KEY (evse_id, connector_id)) WITHOUT ROWID""",
    """CREATE TABLE authorization_cache (
        token TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, accepted INTEGER NOT NULL, at TEXT NOT NULL)""",
)

_SECOND = (
    # Meter values for the last message of their transaction, which takes them with it; at_s: Unix time, to thin them by.
    """CREATE TABLE kept_values (
        position INTEGER PRIMARY KEY, transaction_id TEXT NOT NULL, at_s REAL NOT NULL, body TEXT NOT NULL)""",
)

_THIRD = (
    # evse_id 0: the station. cleared NULL: it stands.
    """CREATE TABLE faults (
        position INTEGER PRIMARY KEY, evse_id INTEGER NOT NULL, fault TEXT NOT NULL, raised TEXT NOT NULL, cleared TEXT)""",
    "CREATE INDEX standing_faults ON faults (evse_id) WHERE cleared IS NULL",
    "CREATE TABLE wear (evse_id INTEGER PRIMARY KEY, body TEXT NOT NULL)",
)

_FOURTH = (
    # What a damaged predecessor of this file had of a transaction and could not give any more. source: that file.
    """CREATE TABLE losses (
        number INTEGER PRIMARY KEY, transaction_id TEXT NOT NULL, what TEXT NOT NULL, source TEXT NOT NULL)""",
    "CREATE INDEX lossy_transactions ON losses (transaction_id)",
)

_FIFTH = (
    # fate: waiting, delivered, undeliverable or skipped. Of those that do not wait the oldest are deleted, the newest of all never.
    """CREATE TABLE security_events (
        number INTEGER PRIMARY KEY, type TEXT NOT NULL, stamp TEXT NOT NULL, tech_info TEXT NOT NULL, fate TEXT NOT NULL)""",
    "CREATE INDEX waiting_security_events ON security_events (number) WHERE fate = 'waiting'",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH)
