"""OpenRouter: one HTTP attempt, the wire codecs, the model list."""
