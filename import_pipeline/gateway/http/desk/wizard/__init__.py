"""The wizard: an import in four steps, the imports that it started, and the formats that it saved (acceptance T-1 to T-8, E-3)."""
