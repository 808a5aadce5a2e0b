"""The real system for each test that asks for one, and the certainty that nothing of it is left running."""

import contextlib
import tempfile
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import sync_playwright

from tests.conditions import eventually
from tests.e2e.chromium import QUIET, find_chromium
from tests.e2e.system import System

failed = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def chromium():
    """The path of the Chromium to drive."""
    return find_chromium()


@pytest.fixture(scope="module")
def system(request):
    """A running system that the tests of a module share; they leave its processes alone."""
    with _systems() as make:
        yield make().start()
        if request.session.testsfailed:
            _show(make.made)


@pytest.fixture
def new_system(request):
    """Makes systems that a test starts, kills and stops as it likes: new_system(name, SETTING=value)."""
    with _systems() as make:
        yield make
        if request.node.stash.get(failed, False):
            _show(make.made)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        item.stash[failed] = True
    return report


@contextlib.contextmanager
def _systems():
    # Not tmp_path: the paths of sockets must be short.
    with tempfile.TemporaryDirectory(prefix="al-", ignore_cleanup_errors=True) as directory:

        def make(name="home", **settings):
            make.made.append(System(Path(directory) / name, **settings))
            return make.made[-1]

        make.made = []
        try:
            yield make
            for one in make.made:
                if one.launcher is not None and one.launcher.poll() is None:
                    one.stop()
                eventually(one.is_gone, within=5, what=f"every process of {one.home} to end")
        finally:
            for one in make.made:
                _end(one)


def _end(system):
    """Kill what is left, so that a failed test costs the next ones nothing."""
    if system.launcher is not None and system.launcher.poll() is None:
        system.launcher.kill()
        system.launcher.wait()
    for process in system.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _show(systems):
    """Print what the processes said; pytest shows it with a failure."""
    for one in systems:
        for path in [*one.home.parent.glob(f"{one.home.name}-*.out"), *sorted(one.home.glob("logs/*.log"))]:
            print(f"---- {path}", *path.read_text(errors="replace").splitlines()[-40:], sep="\n")


@pytest.fixture(scope="module")
def browser(chromium):
    """A headless Chromium that asks nothing of the network by itself."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield started
        started.close()
