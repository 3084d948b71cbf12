"""The Advocate bulk import API (SaaSquatch, impact.com): upload, GraphQL, result files."""
