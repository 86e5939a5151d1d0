"""A trained run put to use: scores, embeddings, cost."""
