"""Comparing cells on the samples both have: prompts, models, runs, a run with its baseline."""
