"""The shipped test kit: manual time, probes, and the seeded simulation loop."""
