"""Reads numbers in a text and normalises words for comparison. Pure functions of text."""
