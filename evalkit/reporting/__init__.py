"""From a run to what people read: the HTML page, JSON, Markdown and the terminal's lines.

Nothing here computes a score or a verdict; everything comes from `evalkit.records`.
"""
