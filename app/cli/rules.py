"""`flask rules`: what rules would have done, and what is wrong with them."""

from app.cli.main import Later

rules = Later(
    "rules",
    {
        "backtest": "app.cli.backtest:backtest",
    },
    help="Back-test, test, check and move rules.",
)
