"""Suites that every member of a kind passes: doors. Each member declares what it can; the rules are the same for all."""
