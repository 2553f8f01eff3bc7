"""A synthetic cohort for machines without a network, and the script that fits its parameters to real encounters."""
