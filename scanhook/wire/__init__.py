"""HTTP: the callback, the API, and what machines ask the service about itself.

Nothing is imported here: prometheus-client must not be loaded before ``scanhook serve`` has named its folder.
"""
