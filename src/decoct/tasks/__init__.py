"""Tasks: each a prompt, an answer schema, a parser and the labels it speaks of."""
