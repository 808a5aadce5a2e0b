"""Rows of rules: definitions, versions, claims."""

from app.rules.store.claims import (
    claim,
    claim_queries,
    datasources_due,
    finish_withdrawals,
    make_due,
    save_health,
    still_claimed,
    troubles,
)
from app.rules.store.rows import RULES, Claimed, RuleRow, RuleVersionRow, Stored, Trouble
from app.rules.store.rules import (
    Search,
    columns_of,
    index,
    insert_missing,
    late_rules,
    row,
    rule_of,
    search,
    stored,
    unreadable,
)
from app.rules.store.versions import Version, add_versions, last_versions, versions_of

__all__ = [
    "RULES",
    "Claimed",
    "RuleRow",
    "RuleVersionRow",
    "Search",
    "Stored",
    "Trouble",
    "Version",
    "add_versions",
    "claim",
    "claim_queries",
    "columns_of",
    "datasources_due",
    "finish_withdrawals",
    "index",
    "insert_missing",
    "last_versions",
    "late_rules",
    "make_due",
    "row",
    "rule_of",
    "save_health",
    "search",
    "still_claimed",
    "stored",
    "troubles",
    "unreadable",
    "versions_of",
]
