/*
 * The least that a durable write can cost: records that fall due at a steady rate, written and flushed.
 *
 * usage:  flush_loop FILE BYTES SECONDS RATE
 *
 * RATE records of BYTES bytes fall due each second. Whatever is due is written with one pwrite and flushed
 * with one fdatasync; what falls due meanwhile waits for the next turn. The latency of a record runs from
 * its due time to the end of its flush.
 *
 * output: {"records": n, "flushes": n, "seconds": s, "p50_ms": latency, "p99_ms": latency}
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BUCKET_US = 10, BUCKETS = 1000000, DUE_MAX = 4096 };

static uint32_t latencies[BUCKETS]; /* counts, by BUCKET_US; the last one holds all that is slower */

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static double latency_ms(long records, double share)
{
    long wanted = (long)(records * share), seen = 0;
    int bucket = 0;

    while (bucket < BUCKETS - 1 && (seen += latencies[bucket]) <= wanted)
        bucket++;
    return (bucket + 1) * BUCKET_US / 1000.0;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: flush_loop FILE BYTES SECONDS RATE\n");
        return 2;
    }
    int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600), bytes = atoi(argv[2]);
    int64_t duration_us = (int64_t)(atof(argv[3]) * 1e6), position = 0;
    double gap_us = 1e6 / atof(argv[4]);
    long done = 0, flushes = 0;
    char *records = malloc((size_t)bytes * DUE_MAX);

    if (fd < 0 || fsync(fd)) {
        perror("flush_loop");
        return 1;
    }
    memset(records, 'r', (size_t)bytes * DUE_MAX);

    int64_t started = now_us(), now;
    while ((now = now_us()) - started < duration_us) {
        long due = (long)((now - started) / gap_us) + 1 - done;
        if (due <= 0) {
            if (started + done * gap_us - now > 60) {
                struct timespec rest = { 0, 50000 };
                nanosleep(&rest, NULL);
            }
            continue;
        }
        due = due < DUE_MAX ? due : DUE_MAX;
        if (pwrite(fd, records, due * bytes, position) != due * bytes || fdatasync(fd)) {
            perror("flush_loop");
            return 1;
        }
        position += due * bytes;
        flushes++;
        for (now = now_us(); due > 0; due--, done++) {
            int64_t bucket = (now - started - (int64_t)(done * gap_us)) / BUCKET_US;
            latencies[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
        }
    }
    printf("{\"records\": %ld, \"flushes\": %ld, \"seconds\": %.6f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", done,
           flushes, (now_us() - started) * 1e-6, latency_ms(done, 0.50), latency_ms(done, 0.99));
    return 0;
}
