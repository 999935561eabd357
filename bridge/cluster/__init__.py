"""What several workers share through one Redis or Valkey."""
