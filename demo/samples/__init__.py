"""Apps that sign in to the site."""
