"""Faults, one file per port; production code never asks whether they are on."""
