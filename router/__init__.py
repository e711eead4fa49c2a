"""From a kept message to a report at its agency, and back: journal, conversation, status, replies, outbox."""
