"""The dashboard's server: Streamlit, with our sign-in, live stream and guard around it.

Start it with `streamlit run dashboard/main.py --server.port N --server.address A` from the root of the repository.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

# `streamlit run` puts this file's own directory on the path, not the root from which `dashboard` is imported.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
from starlette.middleware import Middleware
from starlette.responses import FileResponse
from starlette.routing import Route
from streamlit.starlette import App

from dashboard.live import end_on_signal, live_routes
from dashboard.sessions import Guard
from dashboard.settings import settings
from dashboard.sign_in import sign_in_routes

HERE = Path(__file__).resolve().parent

# Streams are connections that stay: no limit on them, and no proxy from the environment between our own processes.
http = httpx.AsyncClient(
    base_url=settings().api_url,
    timeout=httpx.Timeout(8.0, connect=2.0),
    limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
    trust_env=False,
)
stopping = asyncio.Event()


@asynccontextmanager
async def lifespan(_app: App) -> AsyncIterator[dict[str, Any] | None]:
    """Runs while the server runs; ends open streams when it is told to stop."""
    end_on_signal(stopping)
    yield None
    await http.aclose()


async def _icon(_request: object) -> FileResponse:
    return FileResponse(HERE / "assets" / "icon.svg", headers={"Cache-Control": "max-age=86400"})


app = App(
    HERE / "screen.py",
    lifespan=lifespan,
    routes=[
        *sign_in_routes(http),
        *live_routes(http, stopping),
        # Streamlit's own page names favicon.png before the script has run.
        *(Route(path, _icon) for path in ("/icon.svg", "/favicon.png")),
    ],
    middleware=[Middleware(Guard)],
)
