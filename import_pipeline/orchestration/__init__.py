"""Everything else that imports dagster."""
