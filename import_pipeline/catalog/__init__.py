"""Account folders (YAML) to model objects, every fault named with file, line and the valid values."""
