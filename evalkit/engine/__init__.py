"""How requests become batches on a model in this process.

Requests are tokenised (``encoding``), laid out in batches (``layout``), computed
(``local`` drives it) and turned into responses. Only backends that run a model in this
process use this room.
"""
