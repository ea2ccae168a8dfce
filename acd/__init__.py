"""Automatic call distribution: contacts, queues, agents, and who gets whom."""
