"""The door to Open WebUI."""
