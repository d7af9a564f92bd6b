"""plan → respond → score → decide: the only package that imports all the others.

plan.py makes cells and their requests; respond.py gets answers from the cache or a model;
score.py turns answers into scores; execute.py drives them over a whole plan.
"""
