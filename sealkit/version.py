"""The package version, importable without importing `sealkit` itself."""

__version__ = "0.1.0"
