"""Session logs on disk: encrypted archives, what waits to go into them, and how they are read."""
