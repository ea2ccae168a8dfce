"""What a call leaves to do: tasks, follow-up calls, surveys, and what is known of callers."""
