"""Metrics and logs: every metric in one table, the HTTP endpoint that shows them, the log formats."""
