"""The same door as the contract's tests have, and somebody with a token."""

from contract.conftest import door

__all__ = ["door"]
