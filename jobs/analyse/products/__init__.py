"""One module a product: `READS`, what it is made of, and `build`, a function from these inputs to its rows.

The columns, the key and the equation of a product stand in `conf/products/<product>.yml`, its rules in
`expectations/<product>.yml`.
"""
