"""Calls from a partner's file: read as a stream, mapped, checked as the API checks them, sent, with a journal."""
