"""What was handed in: the inbox, deliveries, keys of raw rows, decisions of people about files."""
