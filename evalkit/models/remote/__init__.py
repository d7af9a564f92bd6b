"""Shared parts of the backends for servers: concurrency, retries, deadlines, keys and costs."""
