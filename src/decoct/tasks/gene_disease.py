"""Genes, and the diseases that each is associated with; see `declared/gene_disease.toml`."""

from decoct.tasks._declared import built_in

plugin = built_in("gene_disease")
