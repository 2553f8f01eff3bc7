"""Pure rules: the raw contract, cohort, cleaning, encoding, candidates, evaluation and promotion."""
