"""How it meets the world: one folder per outside thing."""
