"""Tests of import_pipeline.delivering."""
