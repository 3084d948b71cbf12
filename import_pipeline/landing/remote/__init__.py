"""Other people's SFTP servers: looking at a folder there, taking what is complete, answering and moving there.

Belongs here: everything between a remote folder and the vault, and the way back (reference/intake.md sections 1 to 4 and 6).
Does not belong here: our own server (gateway/sftp/), the landing tree (the modules above), dagster (orchestration/remotes.py).
What a sensor, a run or a command needs: look.look_at, collect.collect, answer.answer_files, hostkeys.offered.
"""
