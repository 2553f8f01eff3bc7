"""Read tables as pandas frames with the types of ``domain.cleaning``."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import ColumnElement, Select, String

from readmission.adapters.database.engine import Database

# columns that are never null have plain numpy types, as in domain.cleaning
_PLAIN = {"readmitted": "int8", "readmitted_within_30_days": "int8", "batch_number": "int64"}
_PANDAS_TYPES = {pa.int64(): pd.Int64Dtype(), pa.large_string(): pd.StringDtype(na_value=np.nan)}


class FrameDatabase(Database):
    """A database whose rows are read as frames."""

    def _read_frame(self, statement: "Select[Any]") -> pd.DataFrame:
        """The rows of a SELECT of columns, sorted by ``encounter_id``; integers are Int64, text is str with NaN."""
        columns = list(statement.selected_columns)
        schema = pa.schema([(column.name, _arrow_type(column)) for column in columns])
        frame = self._fetch(statement, schema).to_pandas(types_mapper=_PANDAS_TYPES.get)
        plain = {c.name: _PLAIN[c.name] for c in columns if c.name in _PLAIN and not isinstance(c.type, String)}
        # sorted here, because the server would sort a large result on its disk
        return frame.astype(plain).sort_values("encounter_id", ignore_index=True)

    def _fetch(self, statement: "Select[Any]", schema: pa.Schema) -> pa.Table:
        rows = self._read(lambda connection: connection.execute(statement).all())
        columns = list(zip(*rows, strict=True)) or [() for _ in schema]
        arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=schema)


def _arrow_type(column: "ColumnElement[Any]") -> pa.DataType:
    return pa.large_string() if isinstance(column.type, String) else pa.int64()
