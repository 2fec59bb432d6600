"""The version of this package, as the server's log sees it."""

__version__ = "0.1.0"
