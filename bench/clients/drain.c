/*
 * Reads a log as cheaply as a client can: it asks, receives, and looks at no more than where each batch ends.
 *
 * usage:  drain HOST PORT fetch TOPIC BYTES FETCH_BYTES     Fetch v4 of partition 0, from offset 0
 *         drain HOST PORT bare  -     BYTES FETCH_BYTES     a server that is asked for (position, size), two
 *                                                           int64, and answers with the bytes alone
 *
 * Both stop after BYTES bytes of batches. Both receive an answer into one buffer, each with one request
 * under way, so that the two servers have the same client.
 *
 * output: {"bytes": received, "requests": n, "seconds": s, "cpu_s": CPU of this program}
 */
#include <arpa/inet.h>
#include <endian.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SLACK = 4 << 20, BATCH_HEADER = 61, LENGTH_AT = 8, LAST_DELTA_AT = 23, LENGTH_END = 12 };

static char *buffer;
static size_t buffer_bytes;

static void die(const char *message)
{
    fprintf(stderr, "drain: %s\n", message);
    exit(1);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static double cpu_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec
        + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static int32_t int32_at(const char *at)
{
    int32_t value;
    memcpy(&value, at, sizeof value);
    return be32toh(value);
}

static int64_t int64_at(const char *at)
{
    int64_t value;
    memcpy(&value, at, sizeof value);
    return be64toh(value);
}

static char *put(char *at, int64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (char)(value >> 8 * (bytes - 1 - i));
    return at + bytes;
}

static void send_all(int fd, const char *data, size_t size)
{
    if (send(fd, data, size, 0) != (ssize_t)size)
        die("the request could not be sent");
}

static void receive(int fd, char *at, size_t size)
{
    for (ssize_t got; size > 0; at += got, size -= got)
        if ((got = recv(fd, at, size, 0)) <= 0)
            die("the server hung up");
}

static int connect_to(const char *host, int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

    if (inet_pton(AF_INET, host, &address.sin_addr) != 1
        || connect(fd, (struct sockaddr *)&address, sizeof address))
        die("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

/* One Fetch from *offset on; moves *offset behind the last whole batch and returns the bytes of batches. */
static int64_t fetch(int fd, const char *topic, int64_t *offset, int32_t fetch_bytes)
{
    char request[512], *at = request + 4;
    size_t name_bytes = strlen(topic), before;

    at = put(at, 1, 2), at = put(at, 4, 2), at = put(at, 0, 4), at = put(at, -1, 2); /* key, version, id, client */
    at = put(at, -1, 4), at = put(at, 1000, 4), at = put(at, 1, 4); /* replica, wait ms, bytes at least */
    at = put(at, fetch_bytes, 4), at = put(at, 0, 1);               /* bytes at most, isolation */
    at = put(at, 1, 4), at = put(at, name_bytes, 2);
    memcpy(at, topic, name_bytes), at += name_bytes;
    at = put(at, 1, 4), at = put(at, 0, 4), at = put(at, *offset, 8), at = put(at, fetch_bytes, 4);
    put(request, at - request - 4, 4);
    send_all(fd, request, at - request);

    receive(fd, buffer, 4);
    size_t size = int32_at(buffer);
    before = 4 + 4 + 4 + 2 + name_bytes + 4 + 4; /* id, throttle, topics, name, partitions, index */
    if (size > buffer_bytes || size < before + 26)
        die("a response of an unexpected size");
    receive(fd, buffer, size);
    if (buffer[before] || buffer[before + 1])
        die("the broker answered with an error");
    const char *batch = buffer + before + 2 + 8 + 8 + 4 + 4; /* error, two marks, aborted, size */
    const char *end = batch + int32_at(batch - 4), *start = batch;
    while (end - batch >= BATCH_HEADER && end - batch >= LENGTH_END + int32_at(batch + LENGTH_AT)) {
        *offset = int64_at(batch) + int32_at(batch + LAST_DELTA_AT) + 1;
        batch += LENGTH_END + int32_at(batch + LENGTH_AT);
    }
    return batch - start;
}

static int64_t ask_bare(int fd, int64_t position, int64_t size)
{
    char request[16];

    put(put(request, position, 8), size, 8);
    send_all(fd, request, sizeof request);
    receive(fd, buffer, size);
    return size;
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: drain HOST PORT fetch|bare TOPIC BYTES FETCH_BYTES\n");
        return 2;
    }
    int is_fetch = !strcmp(argv[3], "fetch"), fd = connect_to(argv[1], atoi(argv[2]));
    int64_t wanted = atoll(argv[5]), size = atoll(argv[6]), received = 0, offset = 0, requests = 0;

    buffer_bytes = size + SLACK;
    buffer = malloc(buffer_bytes);
    memset(buffer, 0, buffer_bytes); /* no page faults while the clock runs */

    double started = now_s(), spent = cpu_s();
    for (int64_t got; received < wanted; received += got, requests++) {
        int64_t left = wanted - received;
        got = is_fetch ? fetch(fd, argv[4], &offset, size) : ask_bare(fd, received, left < size ? left : size);
        if (got == 0)
            die("the log ends too early");
    }
    printf("{\"bytes\": %lld, \"requests\": %lld, \"seconds\": %.6f, \"cpu_s\": %.6f}\n", (long long)received,
           (long long)requests, now_s() - started, cpu_s() - spent);
    return 0;
}
