"""A page that runs a plugin in the browser of whoever visits it."""
