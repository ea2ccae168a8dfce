"""Recordings of both legs, and their transcripts."""
