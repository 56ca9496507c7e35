"""Bounded exhaustive search of the safety machine: every event in every state that can be reached, judged by the invariants."""
