"""What is wrong, where, how urgent: pure functions over text, positions and photos; no network, no database."""
