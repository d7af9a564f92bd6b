"""The inference engine for models that run in this process.

``local`` drives it: requests are tokenised (``tokenization``), arranged in batches (``scheduler``),
computed (``packed`` and ``decode``, or ``plain``) and turned into responses (``responses``).
"""
