"""Engaging Networks (systems.md 1.3, acceptance E-1 to E-11): imports by import.service, the jobs of a user, segments, the bulk export."""
