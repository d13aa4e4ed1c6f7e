"""Runs programs that nobody trusts. interface.py has the contract, docs/security.md the bounds."""
