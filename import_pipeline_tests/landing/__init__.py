"""Tests of the landing room: a test per rule of the landing protocol."""
