"""The API's own requests, as series that rules can watch."""
