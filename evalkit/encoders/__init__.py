"""Models that turn texts into vectors, for the metrics that compare meanings.

``source`` says where such a model is, ``tokens`` gives a vector for every token (BERTScore),
``sentences`` one for a whole text (embedding similarity). Everything heavy is imported when the
first text is encoded.
"""
