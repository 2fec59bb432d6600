"""Every command; thin."""


def main() -> None:
    """Run the command line."""
