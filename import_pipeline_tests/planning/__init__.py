"""Tests of plans: what a change set would do, told without doing it."""
