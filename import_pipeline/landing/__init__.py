"""Files come in: tree, looks, claims, vault, archives, names, deliveries, and originals go to Success or Failed.

Belongs here: everything between a file in a mailbox and a job, and the way back. Does not belong here: reading rows (parsing/),
dagster (orchestration/). What a run or a command needs: watch.tick, deliveries.next_request and open_delivery, submit.submit,
project.project_delivery, tree.report_folder.
"""
