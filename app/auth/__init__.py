"""Who may do what: API tokens, roles, stream tickets."""
