"""Settings, read once, and the city pack: everything that a city changes without touching code."""
