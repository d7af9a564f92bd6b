"""Responses to requests: from the cache, or from the model where they are missing."""
