"""A synthetic cohort for machines without a network, and the fit of its parameters to real encounters."""
