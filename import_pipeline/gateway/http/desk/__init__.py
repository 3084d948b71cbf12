"""The web desk: server-rendered pages for the people who drop files (issue 7). One folder per part: wizard, monitor, mending, exports,
people; what all of them share lies here.
"""
