"""The same door as the contract's tests have."""

from contract.conftest import door, shared_database_url

__all__ = ["door", "shared_database_url"]
