"""What training and every engine share: words, tokens, length buckets, decoding. No torch."""
