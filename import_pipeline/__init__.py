"""import_pipeline: bulk imports that lose nothing, double nothing and can be taken back.

Belongs here: nothing but the package's version. Everything else has a room of its own (docs/architecture.md).
"""

__version__ = "0.1.0"
