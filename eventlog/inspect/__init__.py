"""Looking into the files of a log with nothing running, or beside the process that writes them.

Nothing here writes: the disk is wrapped in one that refuses to (`read_only_disk`). Nothing here knows a
format: batches, indexes, states, snapshots and metadata are read by the storage's own code.

    read_only_disk              the disk, without what changes it
    survey                      what lies where: topics, partitions, or one file
    partition, course           one partition's files, and its batches and damage in their order
    selection, dump             what to show, and the records
    findings, index_check,
    snapshot_check, verify      what is wrong, and the verdict
    summary                     topics and segments, without reading them through
    offsets, offset_lines       what groups have committed
    units, content,
    plain, json_lines           how it is said to people and to programs
"""
