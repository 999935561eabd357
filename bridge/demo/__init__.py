"""Chats that survive faults, shown in a terminal: no key, no network, no Open WebUI."""
