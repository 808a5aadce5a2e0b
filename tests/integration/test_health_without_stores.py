"""The health of a system whose stores are away: it says so, and never fails itself."""

import pytest

from app.web import create_app
from tests.e2e.system import free_ports
from tests.integration.conftest import settings_for


@pytest.mark.parametrize("broker", ["redis", "amqp"])
def test_a_broker_that_is_away_is_told(app, database_url, tmp_path, headers, broker):
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    alone = create_app(settings_for(database_url, f"redis://{nobody}/0", tmp_path, broker_url=f"{broker}://{nobody}/"))

    answer = alone.test_client().get("/monitoring/health", headers=headers())

    assert answer.status_code == 503
    assert answer.get_json()["status"] == "degraded"
    checks = answer.get_json()["checks"]
    assert {name: check["ok"] for name, check in checks.items()} == {"database": True, "redis": False, "broker": False}
    alone.extensions["alerting"].close()
