"""Where a record or a file came from, both ways: record → versions → fields → lines, and file → line → record (acceptance B-6)."""
