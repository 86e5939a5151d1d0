"""Stage 3: out-of-fold data, the meta-model, its report."""
