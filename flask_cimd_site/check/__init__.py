"""The check of an app: a page on which the owner, and strangers if the site lets them, see why an app works or not."""
