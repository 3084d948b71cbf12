"""The command line: `import-pipeline demo | up | check | import | export | records | template | jobs | job | where`."""


def main() -> None:
    """The entry point that pyproject.toml names. Everything else is imported when it runs."""
    from import_pipeline.cli.app import app

    app()
