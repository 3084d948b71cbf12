"""Bytes to rows of strings: file doctor, CSV, JSONL, XLSX, address."""
