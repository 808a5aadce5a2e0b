"""Pure: templates of annotations and labels, in the subset of Go's language that Prometheus' alerting rules use."""

from app.rules.domain.templates.rendering import MAX_OUTPUT, Template, parse_template, uses_value

__all__ = ["MAX_OUTPUT", "Template", "parse_template", "uses_value"]
