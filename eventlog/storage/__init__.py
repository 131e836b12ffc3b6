"""The log on a volume: what was acknowledged survives kills and power cuts; what is damaged is named.

How the modules stand to each other, lowest first:

    disk                                    the only module that opens a file
    scan, resync                            bytes to batches or damage (pure)
    index, segment_index, state_slots,
    producer_state, intervals, retention    values and formats (pure); each docstring is its format
    segment, segment_reader                 one `.log` and its indexes
    partition_files, recovery, repair       what a folder amounts to, and making it so
    partition_log, partition_reader         one partition
    flusher, topics, log_directory          all of them: group commit, topics, the lock
"""
