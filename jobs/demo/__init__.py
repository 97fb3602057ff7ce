"""The demonstration: the nightly DAG in Airflow over a sample town and, where it is there, over real citizen messages."""
