"""Pure rules over numpy and pandas: the raw contract, cohort, cleaning, encoding, calibration, the gate."""
