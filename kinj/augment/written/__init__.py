"""Views written by a language model: prompts, replies kept on disk, budgets, and many dialogues at once."""
