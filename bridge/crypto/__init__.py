"""Sealing and opening secrets."""
