"""Tests of suggested mappings: names, values, the labelled set, formats and drift."""
