"""Tests of the doors that listen."""
