"""Protected health information; see `declared/phi.toml`."""

from decoct.tasks._declared import built_in

plugin = built_in("phi")
