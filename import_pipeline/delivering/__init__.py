"""A delivery taken through its stages and answered, and what is asked for afterwards: without an orchestrator."""
