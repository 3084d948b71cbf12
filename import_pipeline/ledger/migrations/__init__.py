"""The ledger's migrations: env.py runs them on the connection it is given, versions/ holds one file for each step.

Belongs here: nothing but what alembic asks for. A step never changes once it is shipped; a new one is added.
"""
