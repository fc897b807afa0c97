"""Pictures of annotations for people: one set of assets for the page, files and notebooks."""
