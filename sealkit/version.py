"""The version of the package, for every room: none needs the package's top for it."""

__version__ = "0.1.0"
