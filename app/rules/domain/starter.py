"""The rules that a new installation begins with: the host's own metrics, as the collector sends them."""

from datetime import timedelta

from app.core.severity import Severity
from app.rules.domain.rule import Definition, Operator

STARTER_RULES: dict[str, Definition] = {
    "host_cpu_busy": Definition(
        name="Host CPU is busy",
        description="The processors of a host were busy for more than 90 % of the last 30 seconds.",
        metric="system.cpu.usage",
        operator=Operator.GREATER_THAN,
        threshold=90.0,
        severity=Severity.HIGH,
        window=timedelta(seconds=30),
        min_samples=5,  # of six: a busy moment, such as our own start, is no busy half minute
        annotations={"hint": "Look for the busiest processes first: top -o %CPU, or ps aux --sort=-%cpu | head"},
    ),
    "host_memory_full": Definition(
        name="Host memory is nearly full",
        description="More than 90 % of a host's memory was in use over the last 2 minutes.",
        metric="system.memory.usage",
        operator=Operator.GREATER_THAN,
        threshold=90.0,
        severity=Severity.HIGH,
        window=timedelta(minutes=2),
        annotations={"hint": "See who holds the memory: ps aux --sort=-rss | head. Is the host swapping?"},
    ),
    "host_disk_full": Definition(
        name="Host disk is nearly full",
        description="A file system has been more than 90 % full for 2 minutes.",
        metric="system.disk.usage",
        operator=Operator.GREATER_THAN,
        threshold=90.0,
        severity=Severity.HIGH,
        window=timedelta(minutes=2),
        group_by=("host", "mountpoint"),
        annotations={"hint": "Find what grew: du -xh <mountpoint> | sort -h | tail. Logs and old images come first"},
    ),
    "host_load_high": Definition(
        name="Host load is high",
        description="More than two processes a core have been waiting to run, for 2 minutes.",
        metric="system.load.per_core",
        operator=Operator.GREATER_THAN,
        threshold=2.0,
        severity=Severity.MEDIUM,
        window=timedelta(minutes=2),
        min_samples=12,
        annotations={
            "hint": "Compare with the CPU: load without CPU means waiting for disk or network (vmstat 1, iostat -x 1)"
        },
    ),
}
