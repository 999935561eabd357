"""Breaking it on purpose: scenarios, faults at the ports, invariants."""
