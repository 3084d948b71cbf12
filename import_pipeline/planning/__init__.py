"""Plans: what a change set would do, as files that people and programs read; the store is only read."""
