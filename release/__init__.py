"""How a release is made: a function for each thing that it consists of, and `rehearse`, which makes them all here.

`.github/workflows/release.yml` calls the same functions, by the commands of `python -m release`; CONTRIBUTING says how.
"""
