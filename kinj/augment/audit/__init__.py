"""The audit: did a view lose, change or add a number, date, quantity, name, quotation or negation? See docs/audit.md."""

from kinj.augment.audit.compare import HOWS, KINDS, Change, audit

__all__ = ["HOWS", "KINDS", "Change", "audit"]
