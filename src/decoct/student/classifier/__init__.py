"""A student that tells the class of a document or of a pair of texts."""
