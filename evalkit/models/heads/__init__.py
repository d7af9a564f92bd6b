"""Models with a task head: they turn the texts of a sample into labels, tags, spans or words.

``kinds`` finds the head of a checkpoint, ``model`` is the Model of all heads, ``runner`` computes
their inputs in batches. Each head has its own file.
"""
