"""Answers: receipts, error files, failed rows, templates, pictures."""
