"""The command line: `import-pipeline demo | up | check | import | export | records | template | jobs | job | where`."""

import gc

_COLLECT_AFTER = (100_000, 50, 100)
"""New objects before Python looks for garbage in cycles. With its own threshold of 700 it goes through the modules that a command
loads again and again: a tenth of what a small import costs."""


def main() -> None:
    """The entry point that pyproject.toml names. Everything else is imported when it runs."""
    gc.set_threshold(*_COLLECT_AFTER)
    from import_pipeline.cli.app import app

    app()
