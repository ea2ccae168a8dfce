"""Durable records in SQL and live state in Redis."""
