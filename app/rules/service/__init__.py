"""Use cases of rules: keep definitions, evaluate what is due, explain what was found."""

from app.rules.service.baselines import baselines
from app.rules.service.definitions import (
    change_rule,
    create_rule,
    delete_rule,
    ensure_starter_rules,
    get_rule,
    list_rules,
    versions,
)
from app.rules.service.evaluating import (
    Claim,
    claim_due,
    claim_queries,
    datasources_due,
    evaluate,
    record,
    still_claimed,
    windows_wanted,
)
from app.rules.service.explaining import Told, examine, examine_query, judged, latest, make_due
from app.rules.verdicts import latest_of

__all__ = [
    "Claim",
    "Told",
    "baselines",
    "change_rule",
    "claim_due",
    "claim_queries",
    "create_rule",
    "datasources_due",
    "delete_rule",
    "ensure_starter_rules",
    "evaluate",
    "examine",
    "examine_query",
    "get_rule",
    "judged",
    "latest",
    "latest_of",
    "list_rules",
    "make_due",
    "record",
    "still_claimed",
    "versions",
    "windows_wanted",
]
