"""Where things are kept between and after the stages: staging Parquet and the record store. The only room with a DuckDB connection."""
