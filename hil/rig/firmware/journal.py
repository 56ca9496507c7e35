"""The edges that the rig saw, numbered, the newest kept. The host takes them away before new ones need their room."""

try:
    from typing import Any
except ImportError:
    pass

KEPT = 200
A_TIME = 40  # in one answer, which stays short enough for the line


class Journal:
    """Notes what each thing becomes, and when; what does not change is no edge."""

    def __init__(self) -> None:
        self._edges: list[tuple[int, int, str, Any]] = []
        self._seen: dict[str, Any] = {}
        self.count = 0  # edges ever

    def note(self, at: int, what: str, value: Any) -> None:
        """what: as on the mock bench. The first value of a thing is no edge."""
        if what in self._seen:
            if self._seen[what] == value and type(self._seen[what]) is type(value):
                return
            self.count += 1
            self._edges.append((self.count, at, what, value))
            if len(self._edges) > KEPT:
                self._edges.pop(0)
        self._seen[what] = value

    def after(self, number: int) -> list[tuple[int, int, str, Any]]:
        """Return the oldest that are kept and were noted after this one: number, time, what, value."""
        begin = len(self._edges)
        while begin and self._edges[begin - 1][0] > number:
            begin -= 1
        return self._edges[begin : begin + A_TIME]
