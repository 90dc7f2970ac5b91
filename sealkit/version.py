"""The package version, importable without importing `sealkit` itself, and those of other packages."""

from collections.abc import Iterable

__version__ = "0.1.0"


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Package → version, of those that are installed; none of them is imported."""
    from importlib import metadata

    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
