"""The rule that every installation of the product accepts as it stands."""

SEED = {
    "id": "high_cpu_usage",
    "name": "High CPU Usage Alert",
    "description": "Triggers when CPU usage exceeds 90%",
    "metric": "system.cpu.usage",
    "operator": "greater_than",
    "threshold": 90.0,
    "severity": "HIGH",
    "evaluation_window": "5m",
    "notification_channels": ["websocket", "email"],
    "escalation_policy": "critical_escalation",
    "suppression_rules": ["maintenance_mode"],
}
