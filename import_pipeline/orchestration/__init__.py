"""Everything that imports dagster, but for definitions.py and components/."""
