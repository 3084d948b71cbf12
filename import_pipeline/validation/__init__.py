"""Rows of strings to typed rows and row errors."""
