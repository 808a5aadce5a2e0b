"""The browsable API page: Swagger UI from the wheel, so that it works without the internet."""

from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from app.auth.access import public

blueprint = Blueprint("docs_page", __name__)
_SPEC = find_spec("swagger_ui")  # found, not imported: only its files are of use here
assert _SPEC is not None
assert _SPEC.origin is not None
_FILES = Path(_SPEC.origin).parent / "static"
_SHOWN = {"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"}
_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Alerting API</title>
  <link rel="icon" href="/docs/favicon-32x32.png">
  <link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
  <div id="api"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
"""
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#api", deepLinking: true, persistAuthorization: false});\n'
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


@blueprint.get("/docs")
@public
def page() -> Response:
    """The page."""
    return Response(_PAGE, mimetype="text/html", headers={"Content-Security-Policy": _POLICY})


@blueprint.get("/docs/<name>")
@public
def asset(name: str) -> Response:
    """The page's script and style."""
    if name == "start.js":
        return Response(_START, mimetype="text/javascript")
    return send_from_directory(_FILES, name if name in _SHOWN else "")
