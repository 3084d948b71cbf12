"""Looking things up: records, files, lines, and where each comes from."""
