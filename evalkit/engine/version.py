"""The engine's version, part of every fingerprint of a local model."""

ENGINE = 3
"""Increased when the engine may answer the same request differently, also in low precision."""
