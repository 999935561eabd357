"""Valves (what an admin sets) and settings (what code reads)."""
