"""Measures a running service: makes pushes, sends them, opens every answer, and compares them with the journal."""
