"""The HTTP service: one ASGI application for all doors that speak HTTP. Each door is a folder of the same files."""
