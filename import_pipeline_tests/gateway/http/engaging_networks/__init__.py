"""Tests of the Engaging Networks door."""
