"""Pages for what people take out: exports, empty files to fill in, the map of territories."""
