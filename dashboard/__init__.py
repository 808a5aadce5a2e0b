"""The Streamlit dashboard, a client of the HTTP API."""
