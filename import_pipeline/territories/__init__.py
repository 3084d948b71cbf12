"""How territories lie to each other and which pins they hold: pure functions of shapes, levels and coordinates."""
