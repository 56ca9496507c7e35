"""Settings and small state that outlive a restart: what a CSMS or a technician changed, and what was last reported."""

from __future__ import annotations

from dataclasses import dataclass

from controller.logic.profiles import ChargingProfile
from controller.logic.values import AuthorizationStatus, IdToken, TokenInfo
from controller.store.codec import decode, encode
from controller.store.database import Database


@dataclass(frozen=True, slots=True)
class StoredVariable:
    """One overlaid value. source: who set it (`csms`, `local`, …)."""

    value: str
    source: str


class Overlays:
    """Every setter is one durable commit, and none when nothing changes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # ── variables (keys as `Component.Variable[instance]`, 1.6-only keys by their own name) ─────────────────────────────

    def variables(self) -> dict[str, StoredVariable]:
        rows = self._db.rows("SELECT key, value, source FROM variables")
        return {row["key"]: StoredVariable(row["value"], row["source"]) for row in rows}

    def set_variable(self, key: str, value: str, source: str) -> None:
        with self._db.change() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO variables (key, value, source, at) VALUES (?, ?, ?, ?)",
                (key, value, source, self._db.wall_text()),
            )

    def remove_variable(self, key: str) -> None:
        """Go back to the configured value."""
        with self._db.change() as connection:
            connection.execute("DELETE FROM variables WHERE key = ?", (key,))

    # ── charging profiles (evse_id 0: the station) ────────────────────────────────────────────────────────────────────

    def profiles(self) -> list[tuple[int, ChargingProfile]]:
        """Return (evse_id, profile), oldest first."""
        rows = self._db.rows("SELECT evse_id, body FROM profiles ORDER BY rowid")
        return [(row["evse_id"], decode(row["body"], ChargingProfile)) for row in rows]

    def put_profile(self, evse_id: int, profile: ChargingProfile) -> None:
        """Keep a profile; one of the same EVSE and id is replaced."""
        with self._db.change() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO profiles (evse_id, profile_id, body) VALUES (?, ?, ?)",
                (evse_id, profile.id, encode(profile)),
            )

    def remove_profile(self, evse_id: int, profile_id: int) -> None:
        with self._db.change() as connection:
            connection.execute("DELETE FROM profiles WHERE evse_id = ? AND profile_id = ?", (evse_id, profile_id))

    # ── availability and reported status ──────────────────────────────────────────────────────────────────────────────

    def availability(self) -> dict[tuple[int, int], bool]:
        """Return {(evse_id, connector_id): operative} of what was ever set; (0, 0) is the station, connector 0 the EVSE."""
        rows = self._db.rows("SELECT evse_id, connector_id, operative FROM availability")
        return {(row["evse_id"], row["connector_id"]): bool(row["operative"]) for row in rows}

    def set_availability(self, evse_id: int, connector_id: int, operative: bool) -> None:
        with self._db.change() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO availability VALUES (?, ?, ?)", (evse_id, connector_id, operative)
            )

    def reported_status(self) -> dict[tuple[int, int], str]:
        """Return {(evse_id, connector_id): what the CSMS was last told of it} (B04.FR.02)."""
        rows = self._db.rows("SELECT evse_id, connector_id, status FROM reported_status")
        return {(row["evse_id"], row["connector_id"]): row["status"] for row in rows}

    def set_reported_status(self, evse_id: int, connector_id: int, status: str) -> None:
        """Lazy: a power cut only means that the status is reported once more."""
        if self.reported_status().get((evse_id, connector_id)) == status:
            return
        with self._db.change(lazy=True) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO reported_status VALUES (?, ?, ?)", (evse_id, connector_id, status)
            )

    # ── authorization cache (tokens compare without case) ─────────────────────────────────────────────────────────────

    def cache_get(self, token: IdToken) -> TokenInfo | None:
        row = self._db.row("SELECT body FROM authorization_cache WHERE token = ?", (token.value.casefold(),))
        return decode(row["body"], TokenInfo) if row is not None else None

    def cache_put(self, token: IdToken, info: TokenInfo) -> None:
        """Remember what the CSMS said. Above the bound the oldest goes, the not accepted ones first (C10.FR.07)."""
        if self.cache_get(token) == info:
            return
        accepted = info.status is AuthorizationStatus.ACCEPTED
        with self._db.change() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO authorization_cache (token, kind, body, accepted, at) VALUES (?, ?, ?, ?, ?)",
                (token.value.casefold(), token.kind, encode(info), accepted, self._db.wall_text()),
            )
            connection.execute(
                "DELETE FROM authorization_cache WHERE rowid IN (SELECT rowid FROM authorization_cache "
                "ORDER BY accepted, rowid LIMIT max(0, (SELECT count(*) FROM authorization_cache) - ?))",
                (self._db.limits.cache_entries,),
            )

    def cache_clear(self) -> None:
        with self._db.change() as connection:
            connection.execute("DELETE FROM authorization_cache")

    # ── meta ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def meta(self, key: str) -> str | None:
        """Return a small named value (registration state, a pending reboot's reason, …)."""
        row = self._db.row("SELECT value FROM meta WHERE key = ?", (key,))
        return str(row["value"]) if row is not None else None

    def set_meta(self, key: str, value: str | None) -> None:
        """Keep a small named value; None removes it."""
        if self.meta(key) == value:
            return
        with self._db.change(necessary=True) as connection:
            if value is None:
                connection.execute("DELETE FROM meta WHERE key = ?", (key,))
            else:
                connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
