/*
 * Publishes records over the Kafka protocol with librdkafka and counts what is acknowledged.
 *
 * usage:  produce_kafka BROKER TOPIC PARTITIONS BYTES SECONDS RATE [SETTING=VALUE ...]
 *
 * Records of BYTES bytes go to the partitions in turn; the settings are librdkafka's. With RATE 0 they are
 * sent as fast as librdkafka's queue takes them, a hundred to a partition, else RATE a second, each at its
 * own due time. The latency of a record runs from its due time (RATE 0: from the call) to its delivery
 * report. After SECONDS nothing more is sent; the clock stops at the last acknowledgement.
 *
 * output: {"records": acknowledged, "errors": n, "seconds": s, "cpu_s": CPU of this program,
 *          "p50_ms": latency, "p99_ms": latency}
 */
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { ROUND = 100, BUCKET_US = 10, BUCKETS = 1000000, FLUSH_MS = 60000 };

static long acknowledged, errors;
static uint32_t latencies[BUCKETS]; /* counts, by BUCKET_US; the last one holds all that is slower */

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static double cpu_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec
        + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static double latency_ms(double share)
{
    long wanted = (long)(acknowledged * share), seen = 0;
    int bucket = 0;

    while (bucket < BUCKETS - 1 && (seen += latencies[bucket]) <= wanted)
        bucket++;
    return (bucket + 1) * BUCKET_US / 1000.0;
}

static void die(const char *message)
{
    fprintf(stderr, "produce_kafka: %s\n", message);
    exit(1);
}

/* The records of one acknowledged batch: they share the time at which they are reported. */
static void take_reports(rd_kafka_queue_t *reports, int wait_ms)
{
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(reports, wait_ms))) {
        const rd_kafka_message_t *message;
        int64_t now = now_us();

        while (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR && (message = rd_kafka_event_message_next(event))) {
            if (message->err) {
                if (!errors++)
                    fprintf(stderr, "produce_kafka: %s\n", rd_kafka_err2str(message->err));
                continue;
            }
            int64_t bucket = (now - (int64_t)(intptr_t)message->_private) / BUCKET_US;
            latencies[bucket < 0 ? 0 : bucket < BUCKETS ? bucket : BUCKETS - 1]++;
            acknowledged++;
        }
        rd_kafka_event_destroy(event);
        wait_ms = 0;
    }
}

static rd_kafka_t *connect_to(char **settings, int count, const char *broker)
{
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    if (rd_kafka_conf_set(conf, "bootstrap.servers", broker, error, sizeof error))
        die(error);
    for (int i = 0; i < count; i++) {
        char *value = strchr(settings[i], '=');
        if (!value)
            die("a setting is written NAME=VALUE");
        *value++ = '\0';
        if (rd_kafka_conf_set(conf, settings[i], value, error, sizeof error))
            die(error);
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (!client)
        die(error);
    return client;
}

int main(int argc, char **argv)
{
    if (argc < 7) {
        fprintf(stderr, "usage: produce_kafka BROKER TOPIC PARTITIONS BYTES SECONDS RATE [SETTING=VALUE ...]\n");
        return 2;
    }
    int partitions = atoi(argv[3]), bytes = atoi(argv[4]);
    int64_t duration_us = (int64_t)(atof(argv[5]) * 1e6);
    double gap_us = atof(argv[6]) > 0 ? 1e6 / atof(argv[6]) : 0;
    rd_kafka_t *client = connect_to(argv + 7, argc - 7, argv[1]);
    rd_kafka_queue_t *reports = rd_kafka_queue_get_main(client);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, argv[2], NULL);
    const struct rd_kafka_metadata *metadata;
    char *record = malloc(bytes);

    memset(record, 'r', bytes);
    if (rd_kafka_metadata(client, 0, topic, &metadata, 10000)) /* connected before the clock starts */
        die("no metadata within 10 s");
    rd_kafka_metadata_destroy(metadata);

    double spent = cpu_s();
    int64_t started = now_us(), now = started;
    for (long sent = 0; now - started < duration_us; sent++) {
        int64_t due = started + (int64_t)(sent * gap_us);
        while (gap_us && (now = now_us()) < due) {
            take_reports(reports, 0);
            if (due - now > 60) {
                struct timespec rest = { 0, 50000 };
                nanosleep(&rest, NULL);
            }
        }
        if (!gap_us && sent % ROUND == 0) {
            take_reports(reports, 0);
            now = now_us();
        }
        int partition = (gap_us ? sent : sent / ROUND) % partitions;
        while (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, record, bytes, NULL, 0,
                                (void *)(intptr_t)(gap_us ? due : now))) {
            if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                die(rd_kafka_err2str(rd_kafka_last_error()));
            take_reports(reports, 1);
        }
    }
    for (int64_t end = now_us() + FLUSH_MS * 1000; rd_kafka_outq_len(client) > 0 && now_us() < end;) {
        rd_kafka_flush(client, 0); /* no more lingering */
        take_reports(reports, 1);
    }
    printf("{\"records\": %ld, \"errors\": %ld, \"seconds\": %.6f, \"cpu_s\": %.6f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
           acknowledged, errors + rd_kafka_outq_len(client), (now_us() - started) * 1e-6, cpu_s() - spent,
           latency_ms(0.50), latency_ms(0.99));
    return 0;
}
