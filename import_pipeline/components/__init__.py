"""The Dagster component type of an account; thin."""
