"""Models that turn texts into vectors, for metrics that compare meanings.

``source`` locates such a model, ``bertscore`` computes a vector for every token, ``sentences`` one
for a whole text (embedding similarity). Heavy libraries are imported with the first text.
"""
