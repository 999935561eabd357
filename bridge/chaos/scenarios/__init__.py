"""Seeded scenarios for the simulation."""
