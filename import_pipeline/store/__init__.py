"""Where things are kept: staging Parquet between the stages and the record store; all DuckDB connections are made here."""
