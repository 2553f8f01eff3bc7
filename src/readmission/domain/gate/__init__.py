"""The evidence and the checks of the gate; ``domain.promotion`` decides by them."""
