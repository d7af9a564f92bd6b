"""A store and JSON documents that version 0.1.0 wrote before answers were typed.

Three runs: ``colours`` (choices by log-likelihood, hostile labels and groups), ``sums`` (code,
asked three times, a metric of the project's own) and ``talk`` (asked twice: thoughts, an error,
checks, a judge). ``store.json`` is the SQLite file with its blobs as JSON; provenance is shortened.
"""
