"""Open, self-hosted call intelligence with a partner API."""

from importlib.metadata import version

__version__ = version("callwright")
