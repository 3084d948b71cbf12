"""The lifecycle of files, jobs and deliveries, and the outbox."""
