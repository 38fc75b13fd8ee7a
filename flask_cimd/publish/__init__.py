"""The client side: an app that publishes its own metadata document and signs in elsewhere."""
