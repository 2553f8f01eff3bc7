"""Where encounters come from; it follows the data from the batch to the model's tags and the page's banner."""

from typing import Literal

DataSource = Literal["uci", "file", "synthetic"]

# the published archive of the UCI repository
UCI: DataSource = "uci"
# a file of the operator's own
FILE: DataSource = "file"
# drawn from distributions: never of clinical meaning
SYNTHETIC: DataSource = "synthetic"
