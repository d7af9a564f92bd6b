"""Reads numbers in a text, normalises words for comparison, and searches for patterns of users."""
