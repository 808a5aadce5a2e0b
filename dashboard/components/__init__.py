"""Parts of pages: functions from what the API said to escaped HTML, and the JavaScript that shows it."""
