"""Tests of the Advocate interface."""
