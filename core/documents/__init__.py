"""Documents as pure data: policy, decision, analysis, bundle manifest, input of a detector."""
