"""`flask rules`: what rules would have done, and what is wrong with them."""

from app.cli.main import Later

rules = Later(
    "rules",
    {
        "backtest": "app.cli.backtest:backtest",
        "export": "app.cli.transfer:export_all",
        "import": "app.cli.transfer:import_file",
        "lint": "app.cli.transfer:lint",
        "test": "app.cli.promtool:test",
    },
    help="Back-test, test, check and move rules.",
)
