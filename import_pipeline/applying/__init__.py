"""A change set to the store, package by package."""
