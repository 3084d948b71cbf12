"""The SPOTIO bulk job API (systems.md 1.1, acceptance S-17): a job is made, given data files, started, watched, and cleaned up."""
