"""Programs that measure and test the project; nothing of it is installed."""
