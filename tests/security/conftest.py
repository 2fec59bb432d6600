"""The same door as the contract's tests have."""

from contract.conftest import door

__all__ = ["door"]
