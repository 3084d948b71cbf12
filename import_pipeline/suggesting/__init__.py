"""Which column of an object type each cell of an unknown header probably means, with a confidence and a reason (acceptance B-10)."""
