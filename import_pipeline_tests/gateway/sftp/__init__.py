"""Tests of our own SFTP server, mostly through OpenSSH's clients."""
