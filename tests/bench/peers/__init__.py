"""Peers that do the service's job, as one would build it today, and a route that does nothing."""
