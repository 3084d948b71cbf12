"""One migration per file, named after its revision. HEAD in ledger/schema.py names the newest.

Belongs here: steps from one shape of the ledger to the next. Does not belong here: imports of the package's tables, which move on.
"""
