"""Doors that listen: servers through which files come in and answers go out. Each has a folder of its own."""
