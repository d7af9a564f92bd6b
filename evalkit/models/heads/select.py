"""The backend ``transformers``: a generative model, or one with a task head."""

from __future__ import annotations

from evalkit.errors import SpecError, unknown
from evalkit.models.base import Model
from evalkit.models.heads.kinds import HEADS, head_of
from evalkit.models.heads.model import HeadModel
from evalkit.models.options import Declaration, problem
from evalkit.models.replicas import Replicas

GENERATIVE = ("causal-lm", "encoder-decoder")


def transformers_model(declaration: Declaration) -> Model:
    """The model of a declaration. Its head is ``head:``, or else that of the checkpoint's config.

    A list of devices runs a replica on each. Raises SpecError for invalid options.
    """
    if isinstance(declaration.options.get("device"), list):
        return Replicas(declaration, transformers_model)
    declared = declaration.options.get("head")
    known = [*GENERATIVE, *HEADS]
    if declared is not None and declared not in known:
        raise SpecError([problem(declaration, unknown("head", str(declared), known), "head")])
    head = head_of(declaration)
    if head is not None:
        return HeadModel(declaration, head)
    from evalkit.models.transformers import TransformersModel

    return TransformersModel(declaration)
