"""What workers and machines share through Redis or Valkey."""
