"""A results folder in, a page that shows how far its run is, while it runs, out."""
