"""Tests of the HTTP service, with clients that others have written."""
