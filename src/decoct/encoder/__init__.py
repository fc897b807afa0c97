"""Pretrained encoders: where they come from, and their tokenizers."""
