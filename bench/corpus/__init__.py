"""`make corpus`: how well the normalizer understands texts, places and photos that nobody here wrote."""
