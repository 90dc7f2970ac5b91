"""Geometry-keeping augmentations, shared by the modules that learn from outlines."""
