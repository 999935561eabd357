"""What workers share through a Redis or Valkey: rows, permits, failures, leases, costs."""
