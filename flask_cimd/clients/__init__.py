"""From a client identifier URL to a validated client."""
