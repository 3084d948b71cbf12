"""The desk's pages about imports: all of them over all doors, one of them, its plan, and what can be done with it."""
