"""Typed rows to a change set: match, parents, pins, update rules."""
