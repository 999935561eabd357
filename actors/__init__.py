"""What runs: the actor kernel and every actor. No network, no database, no Open WebUI."""
