"""What is written: numbers in a text, and words that count as the same. Pure functions of text."""
