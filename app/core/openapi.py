"""What every operation in the OpenAPI document shares: the problems that it may answer with."""

from typing import Any

from apispec import APISpec, BasePlugin

from app.core.schemas import Problem

PROBLEM_JSON = "application/problem+json"
SECURITY_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer"},
    "ticket": {"type": "apiKey", "in": "query", "name": "ticket"},
}
_MEANINGS = {
    400: "The request cannot be read",
    401: "No token, or one that is unknown, expired or revoked",
    403: "The token's role is too small",
    404: "No such entity",
    409: "Not possible in the entity's present state or version",
    413: "The body is too large",
    415: "The body is not of a type that is taken",
    422: "Fields or arguments hold values that cannot be used",
    503: "A store does not answer, or others write the same; nothing was kept, send it again",
}


class Problems(BasePlugin):
    """Adds the problems that an operation may answer with, as its path, method and security tell."""

    def init_spec(self, spec: APISpec) -> None:
        """Put the shape of problems and its meanings at the document's components."""
        spec.components.schema("Problem", schema=Problem)
        for name, meaning in [*((str(status), text) for status, text in _MEANINGS.items()), ("default", "Any other")]:
            response = {"description": meaning, "content": {PROBLEM_JSON: {"schema": Problem}}}
            spec.components.response(_component(name), response)

    def operation_helper(
        self, path: str | None = None, operations: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Complete the responses of a path's operations."""
        for method, operation in (operations or {}).items():
            own = operation.setdefault("responses", {})
            for status in _possible(path or "", method, operation):
                described = own.get(status, own.get(str(status)))
                if isinstance(described, dict) and "content" in described:
                    described["content"].setdefault(PROBLEM_JSON, {"schema": {"$ref": "#/components/schemas/Problem"}})
                else:
                    own.pop(status, None)
                    own[str(status)] = _component(str(status))
            own["default"] = _component("default")


def _possible(path: str, method: str, operation: dict[str, Any]) -> set[int]:
    writes = method in {"post", "put", "patch", "delete"}
    found = {400, 503}
    if operation.get("security") != []:
        found |= {401, 403}
    if "{" in path:
        found.add(404)
    if writes:
        found |= {409, 413, 415, 422}
    elif operation.get("parameters"):
        found.add(422)
    return found


def _component(name: str) -> str:
    return f"Problem_{name}"
