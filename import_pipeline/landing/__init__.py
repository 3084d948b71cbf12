"""Files come in: tree, looks, claims, vault, archives, names, deliveries."""
