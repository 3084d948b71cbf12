"""Our own SFTP server: one tree per account, uploads that appear as a whole, nothing else of SSH (reference/intake.md section 3)."""
