"""What README's performance table is made from: files, runs through the real command line, and the floor they are compared to.

Belongs here: generating files with a known truth, measuring whole processes, checking results, the table. Does not belong here:
anything that the package needs. `python -m benchmarks --help` tells the options.
"""
