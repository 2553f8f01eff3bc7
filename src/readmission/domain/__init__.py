"""Pure rules on numpy and pandas: raw contract, cohort, cleaning, encoding, calibration and promotion gate."""
