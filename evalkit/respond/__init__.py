"""Responses to requests: from the store where they are known, from the model otherwise."""
