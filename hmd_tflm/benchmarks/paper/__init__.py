"""The comparison of arXiv 1906.04886, repeated: methods of compression at equal size, and their cost.

A `Benchmark` (a TOML file here) is a network and a data set; a `Method` a family of shapes; a
`Run` one training of one of them; a sweep trains every run whose result file is not there yet.
"""
