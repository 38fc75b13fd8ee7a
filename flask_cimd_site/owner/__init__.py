"""Pages of the owner only."""
