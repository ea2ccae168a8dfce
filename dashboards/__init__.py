"""The web: API, live board, agent desk, contact pages."""
