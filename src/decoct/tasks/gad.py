"""Gene-disease association of a marked pair in a sentence; see `declared/gad.toml`."""

from decoct.tasks._declared import built_in

plugin = built_in("gad")
