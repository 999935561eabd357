"""Pure: Open WebUI to house and back."""
