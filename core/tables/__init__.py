"""Tables that the rooms hand to each other: predictions, embeddings, item membership."""
