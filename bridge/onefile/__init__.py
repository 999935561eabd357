"""Builds the one file that an admin pastes into Open WebUI."""
