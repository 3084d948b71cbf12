"""The accounts of this instance: one folder each, with YAML and nothing else.

Belongs here: account folders (defs.yaml, object_types/, formats/, owners.yaml). Does not belong here: Python; a kind of account is
code and lives in components/, an account is configuration and lives here.
"""
