"""Tests of the web desk: over HTTP, and in a real browser."""
