"""What is kept: the journal of raw messages, the reports and what is owed, photos, sealed contacts."""
