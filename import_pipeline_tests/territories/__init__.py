"""Pure tests of the geometry of territories."""
