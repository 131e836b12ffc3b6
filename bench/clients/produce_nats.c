/*
 * Publishes records to NATS JetStream, file storage, as fast as the acknowledgements allow.
 *
 * usage:  produce_nats URL STREAMS BYTES SECONDS IN_FLIGHT CONNECTIONS
 *
 * STREAMS streams of one subject each are created (file storage, no limits, one replica) and filled in
 * turn, with js_PublishAsync and at most IN_FLIGHT messages without an acknowledgement, shared out over
 * CONNECTIONS connections. After SECONDS nothing more is published; the clock stops when the last
 * acknowledgement has come.
 *
 * output: {"records": acknowledged, "errors": n, "seconds": s, "cpu_s": CPU of this program}
 */
#include <nats/nats.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { CONNECTIONS_MAX = 16, STREAMS_MAX = 64, ROUND = 64 };

static atomic_long errors;

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

static void check(natsStatus status, const char *what)
{
    if (status == NATS_OK)
        return;
    fprintf(stderr, "produce_nats: %s: %s\n", what, natsStatus_GetText(status));
    exit(1);
}

static void on_error(jsCtx *js, jsPubAckErr *error, void *closure)
{
    (void)js, (void)error, (void)closure;
    errors++;
}

static jsCtx *connect_to(const char *url, long in_flight)
{
    natsConnection *connection = NULL;
    jsCtx *js = NULL;
    jsOptions options;

    check(natsConnection_ConnectTo(&connection, url), "connect");
    check(jsOptions_Init(&options), "options");
    options.PublishAsync.MaxPending = in_flight;
    options.PublishAsync.StallWait = 10000;
    options.PublishAsync.ErrHandler = on_error;
    check(natsConnection_JetStream(&js, connection, &options), "JetStream");
    return js;
}

static void create_stream(jsCtx *js, const char *name)
{
    jsStreamConfig config;
    const char *subjects[] = { name };

    check(jsStreamConfig_Init(&config), "stream settings");
    config.Name = name;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    check(js_AddStream(NULL, js, &config, NULL, NULL), "create stream");
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: produce_nats URL STREAMS BYTES SECONDS IN_FLIGHT CONNECTIONS\n");
        return 2;
    }
    int streams = atoi(argv[2]), bytes = atoi(argv[3]), connections = atoi(argv[6]);
    double seconds = atof(argv[4]);
    long in_flight = atol(argv[5]), records = 0;
    static jsCtx *js[CONNECTIONS_MAX];
    static char names[STREAMS_MAX][24];

    if (streams < 1 || streams > STREAMS_MAX || connections < 1 || connections > CONNECTIONS_MAX
        || in_flight < connections || bytes < 1) {
        fprintf(stderr, "produce_nats: an argument is out of range\n");
        return 2;
    }
    for (int i = 0; i < connections; i++)
        js[i] = connect_to(argv[1], in_flight / connections);
    for (int i = 0; i < streams; i++) {
        snprintf(names[i], sizeof names[i], "bench-%d", i);
        create_stream(js[0], names[i]);
    }
    char *record = malloc(bytes);
    memset(record, 'r', bytes);

    double started = now_s(), spent = cpu_s();
    while (now_s() - started < seconds)
        for (int i = 0; i < ROUND; i++, records++)
            check(js_PublishAsync(js[records % connections], names[records % streams], record, bytes, NULL),
                  "publish");
    for (int i = 0; i < connections; i++)
        check(js_PublishAsyncComplete(js[i], NULL), "wait for acknowledgements");
    printf("{\"records\": %ld, \"errors\": %ld, \"seconds\": %.6f, \"cpu_s\": %.6f}\n", records - errors,
           (long)errors, now_s() - started, cpu_s() - spent);
    return 0;
}
