"""Clinical natural language inference over trial sections; see `declared/nli.toml`."""

from decoct.tasks._declared import built_in

plugin = built_in("nli")
