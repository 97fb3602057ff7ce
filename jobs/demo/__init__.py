"""The demonstration: the nightly DAG in Airflow, over a sample town and over real messages where there are any."""
